# kindred::torch: LibTorch from a pip package or an unpacked LibTorch folder. The package's own CMake
# configuration asks for a CUDA toolkit wherever its libraries were built with one; a program that only
# links needs none, so the target is made by hand.
if(NOT KINDRED_TORCH)
  file(GLOB kindred_torch_candidates ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  list(LENGTH kindred_torch_candidates kindred_torch_count)
  if(kindred_torch_count GREATER 0)
    list(GET kindred_torch_candidates 0 KINDRED_TORCH)
  endif()
endif()
if(NOT EXISTS "${KINDRED_TORCH}/include/torch/csrc/api/include/torch/torch.h")
  message(FATAL_ERROR "LibTorch not found in '${KINDRED_TORCH}'. "
    "Run scripts/setup.sh, or give a LibTorch folder: -DKINDRED_TORCH=/path/to/libtorch "
    "(the folder that holds include/ and lib/).")
endif()
message(STATUS "LibTorch: ${KINDRED_TORCH}")

function(kindred_add_torch root)
  if(TARGET kindred::torch)
    return()
  endif()
  add_library(kindred::torch INTERFACE IMPORTED GLOBAL)
  set(libraries ${root}/lib/libtorch.so ${root}/lib/libtorch_cpu.so ${root}/lib/libc10.so)
  if(EXISTS ${root}/lib/libtorch_cuda.so)
    # Nothing refers to this library by name, yet its operators register when it is loaded.
    list(APPEND libraries -Wl,--no-as-needed ${root}/lib/libtorch_cuda.so ${root}/lib/libc10_cuda.so)
  endif()
  set_target_properties(kindred::torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${root}/include;${root}/include/torch/csrc/api/include"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${root}/include;${root}/include/torch/csrc/api/include"
    INTERFACE_COMPILE_OPTIONS "-fopenmp;-Wno-deprecated-declarations"
    INTERFACE_LINK_LIBRARIES "${libraries}"
    # at::parallel_for is a header template over OpenMP: the one runtime is the package's own.
    INTERFACE_LINK_OPTIONS "-L${root}/lib;-Wl,-rpath,${root}/lib")
  if(EXISTS ${root}/lib/libgomp.so.1)
    set_property(TARGET kindred::torch APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${root}/lib/libgomp.so.1)
  else()
    set_property(TARGET kindred::torch APPEND PROPERTY INTERFACE_LINK_LIBRARIES gomp)
  endif()
endfunction()
kindred_add_torch(${KINDRED_TORCH})
