# Warnings, sanitizers, the instruction-set baseline, ccache and mold where they are present.

add_library(kindred_warnings INTERFACE)
target_compile_options(kindred_warnings INTERFACE -Wall -Wextra -Wno-unknown-pragmas)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # A false alarm at every "text" + string (GCC bug 105651).
  target_compile_options(kindred_warnings INTERFACE -Wno-restrict)
endif()

# The baseline of the project: x86-64-v3. Faster paths are chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v3)
endif()

if(KINDRED_SANITIZE)
  add_compile_options(-fsanitize=${KINDRED_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${KINDRED_SANITIZE})
  if(KINDRED_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

find_program(KINDRED_CCACHE ccache)
if(KINDRED_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache documents as needed for precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${KINDRED_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

find_program(KINDRED_MOLD mold)
if(KINDRED_MOLD AND NOT KINDRED_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()
