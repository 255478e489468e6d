// Asio: the one place that knows its versions and names it `net`.
//
// Only what the headers that users see and most programs need, for compile time is a feature; asio_io.hpp has
// the rest. Everything between Asio 1.22.1 and the newest version that differs is evened out here and nowhere
// else.
#ifndef HDIKAFKA_DETAIL_RUN_ASIO_HPP
#define HDIKAFKA_DETAIL_RUN_ASIO_HPP

#include <hdikafka/version.hpp>

#if !__has_include(<asio/version.hpp>)
#error "hdikafka needs standalone Asio 1.22.1 or newer: install libasio-dev or add Asio's include directory"
#endif
#include <asio/version.hpp>
#if ASIO_VERSION < 102201
#error "hdikafka needs Asio 1.22.1 or newer"
#endif

// Up to 1.22 Asio takes clang's coroutines for the experimental ones of its first years and leaves
// co_await out. It can be told otherwise as long as none of its headers has been read.
#if defined(__clang__) && defined(__cpp_impl_coroutine) && !defined(ASIO_DETAIL_CONFIG_HPP)
#if !defined(ASIO_HAS_CO_AWAIT) && !defined(ASIO_DISABLE_CO_AWAIT)
#define ASIO_HAS_CO_AWAIT 1
#endif
#if !defined(ASIO_HAS_STD_COROUTINE) && !defined(ASIO_DISABLE_STD_COROUTINE)
#define ASIO_HAS_STD_COROUTINE 1
#endif
#endif

// Asio takes its memory from aligned_alloc() where a header of libstdc++ was read before its own, otherwise
// from operator new; a program whose units differ in that frees one with the other.
#include <cstddef>

// CMake's target hdikafka::hdikafka sets both for clang, for programs that include Asio first.
#include <asio/detail/config.hpp>
#if !defined(ASIO_HAS_CO_AWAIT) || !defined(ASIO_HAS_STD_COROUTINE)
#error "Asio has no co_await here: compile with -DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1"
#endif

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

namespace hdikafka::inline v0_1 {

/// Asio, however it is spelled outside. Inside our namespace, so that no program gets a `net` from us.
namespace net = ::asio;

} // namespace hdikafka::inline v0_1

#endif
