// A client and the emulator it talks to, on one io_context.
#ifndef HDIKAFKA_TESTS_SUPPORT_EMULATED_HPP
#define HDIKAFKA_TESTS_SUPPORT_EMULATED_HPP

#include "support/base/waiting.hpp"

#include <doctest/doctest.h>
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace test {

namespace hk = hdikafka;

class emulated
{
public:
    explicit emulated(hk::emulator_options options = {}) : emulator(io.get_executor(), std::move(options))
    {
        emulator.start();
        client.emplace(io.get_executor(), emulator.client_options());
    }

    emulated(emulated const&) = delete;
    emulated& operator=(emulated const&) = delete;
    ~emulated() = default;

    /// Works until `call` has ended.
    template <class T>
    hk::result<T> run(asio::awaitable<T> call)
    {
        std::optional<hk::result<T>> out;
        asio::co_spawn(io, hk::as_result(std::move(call)),
                       [&out](std::exception_ptr failure, hk::result<T> value) {
                           if (failure)
                               std::rethrow_exception(failure);
                           out.emplace(std::move(value));
                       });
        step_until(io, [&out] { return out.has_value(); });
        return std::move(*out);
    }

    hk::client* operator->() { return &*client; }

    asio::io_context io;
    hk::emulator emulator;
    std::optional<hk::client> client;
};

/// Lets the stream work at its end until it knows that it is there; nothing is to come.
inline void read_until_caught_up(emulated& service, hk::record_stream& stream)
{
    for (int turn = 0; !stream.caught_up(); ++turn) {
        REQUIRE(turn < 1'000);
        auto const nothing =
            service.run(stream.next(hk::call_options().timeout(std::chrono::milliseconds(20))));
        REQUIRE_FALSE(nothing);
        REQUIRE(nothing.error().code() == hk::errc::timed_out);
    }
}

} // namespace test

#endif
