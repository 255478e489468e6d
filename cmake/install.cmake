# What `cmake --install` puts into place: the headers, a package for CMake's find_package and a file for
# pkg-config. Headers alone depend on no processor, hence share/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(hdikafka_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/hdikafka)
set(hdikafka_pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(TARGETS hdikafka EXPORT hdikafka-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT hdikafka-targets NAMESPACE hdikafka:: DESTINATION ${hdikafka_package_dir})
configure_package_config_file(cmake/hdikafka-config.cmake.in hdikafka-config.cmake
    INSTALL_DESTINATION ${hdikafka_package_dir})
# Before 1.0 a minor version may change what programs see.
write_basic_package_version_file(hdikafka-config-version.cmake
    COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hdikafka-config.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/hdikafka-config-version.cmake cmake/hdikafka-asio.cmake
    DESTINATION ${hdikafka_package_dir})

file(RELATIVE_PATH hdikafka_prefix ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" hdikafka_prefix "${hdikafka_prefix}")
set(hdikafka_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    set(hdikafka_includedir ${CMAKE_INSTALL_INCLUDEDIR})
endif()
# The compiler's own folders must stay where they are in its search.
set(hdikafka_asio_flag "")
if(NOT HDIKAFKA_ASIO_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    set(hdikafka_asio_flag " -isystem ${HDIKAFKA_ASIO_INCLUDE_DIR}")
endif()
configure_file(cmake/hdikafka.pc.in hdikafka.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hdikafka.pc DESTINATION ${hdikafka_pkgconfig_dir})
