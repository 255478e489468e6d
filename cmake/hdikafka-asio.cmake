# Finds standalone Asio for our CMakeLists.txt and for the installed package: both say the same when it is
# missing. Sets HDIKAFKA_ASIO_INCLUDE_DIR, or hdikafka_asio_problem to what is wrong.
set(hdikafka_asio_problem "")
find_path(HDIKAFKA_ASIO_INCLUDE_DIR NAMES asio/awaitable.hpp
    DOC "The folder that holds asio.hpp of standalone Asio, 1.22.1 or newer")
if(NOT HDIKAFKA_ASIO_INCLUDE_DIR)
    string(CONCAT hdikafka_asio_problem
        "hdikafka needs standalone Asio 1.22.1 or newer. Install it (Debian: "
        "apt install libasio-dev) or set HDIKAFKA_ASIO_INCLUDE_DIR to the folder that holds asio.hpp.")
else()
    file(STRINGS ${HDIKAFKA_ASIO_INCLUDE_DIR}/asio/version.hpp hdikafka_asio_version
        REGEX "define ASIO_VERSION ")
    string(REGEX MATCH "[0-9]+" hdikafka_asio_version "${hdikafka_asio_version}")
    if(hdikafka_asio_version LESS 102201)
        string(CONCAT hdikafka_asio_problem
            "hdikafka needs Asio 1.22.1 or newer; ${HDIKAFKA_ASIO_INCLUDE_DIR} has ASIO_VERSION "
            "${hdikafka_asio_version}. Set HDIKAFKA_ASIO_INCLUDE_DIR to a newer one.")
    endif()
    unset(hdikafka_asio_version)
endif()
