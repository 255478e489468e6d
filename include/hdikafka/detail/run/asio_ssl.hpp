// What the emulator needs of Asio besides: TLS as a server.
#ifndef HDIKAFKA_DETAIL_RUN_ASIO_SSL_HPP
#define HDIKAFKA_DETAIL_RUN_ASIO_SSL_HPP

#include <hdikafka/detail/run/asio_io.hpp>

#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/ssl/stream_base.hpp>
#include <asio/write.hpp>

#endif
