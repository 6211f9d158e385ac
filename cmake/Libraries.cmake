# Third-party libraries of the LibTorch-free rooms, all from Debian.
find_package(Threads REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.74 REQUIRED)  # headers alone
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
# Its pkg-config file would link the trainer too.
find_library(KINDRED_SENTENCEPIECE sentencepiece REQUIRED)

add_library(kindred_base_libraries INTERFACE)
target_link_libraries(kindred_base_libraries INTERFACE
  Threads::Threads yaml-cpp spdlog::spdlog simdjson::simdjson ZLIB::ZLIB OpenSSL::Crypto
  PkgConfig::ZSTD PkgConfig::UTF8PROC ${KINDRED_SENTENCEPIECE})
target_include_directories(kindred_base_libraries SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})

# The run registry, in the rooms above.
find_package(SQLite3 REQUIRED)
