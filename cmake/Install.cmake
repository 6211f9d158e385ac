# install() and find_package(Kindred): the library, its public headers, the program.
install(TARGETS kindred EXPORT KindredTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
