# install() and find_package(Kindred): the library, its headers, the program.
include(CMakePackageConfigHelpers)

install(TARGETS kindred EXPORT KindredTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET kindred_program)
  install(TARGETS kindred_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set_target_properties(kindred_program PROPERTIES
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${KINDRED_TORCH}/lib")
endif()
set_target_properties(kindred PROPERTIES INSTALL_RPATH "$ORIGIN;${KINDRED_TORCH}/lib")
# The umbrella header and what it includes keep their paths, as inside the project.
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kindred/detail FILES_MATCHING PATTERN "*.h")
install(EXPORT KindredTargets NAMESPACE Kindred:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Kindred)
install(FILES cmake/KindredTorch.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Kindred)
configure_package_config_file(cmake/KindredConfig.cmake.in KindredConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Kindred)
write_basic_package_version_file(KindredConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/KindredConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/KindredConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Kindred)
