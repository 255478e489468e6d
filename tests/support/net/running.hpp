// Running calls of a client in a test: an io_context that must come to rest by itself.
#ifndef HDIKAFKA_TESTS_SUPPORT_RUNNING_HPP
#define HDIKAFKA_TESTS_SUPPORT_RUNNING_HPP

#include "support/base/waiting.hpp"
#include "support/net/certificates.hpp"
#include "support/net/scripted_server.hpp"

#include <hdikafka/as_result.hpp>
#include <hdikafka/client.hpp>
#include <hdikafka/record_stream.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace test {

namespace hk = hdikafka;
using namespace std::chrono_literals;

inline constexpr std::string_view token_text = "a.very-secret_token";

/// Options that trust the test's authority, do not repeat, and show the token above.
inline hk::client_options options_for(std::string endpoint)
{
    return hk::client_options(std::move(endpoint))
        .credential(hk::bearer_token(std::string(token_text)))
        .tls(hk::tls_options().ca_pem(authorities::get().trusted_pem()))
        .retry(hk::retry_policy().max_retries(0));
}

/// Repeats without waiting long.
inline hk::retry_policy quickly(int times) { return hk::retry_policy().max_retries(times).base_delay(1ms); }

/// How a call ended, once it has.
template <class T>
class ending
{
public:
    bool happened() const { return value_.has_value(); }
    hk::result<T> const& get() const
    {
        REQUIRE(value_.has_value());
        return *value_;
    }
    bool good() const { return static_cast<bool>(get()); }
    std::error_code code() const { return good() ? std::error_code() : get().error().code(); }

    /// The error; the test fails when there is none.
    hk::error error() const
    {
        REQUIRE_FALSE(good());
        return get().error();
    }

    void set(hk::result<T> value) { value_.emplace(std::move(value)); }

private:
    std::optional<hk::result<T>> value_;
};

/// Starts `call`; `end` must live until it has ended or the executor is gone.
template <class Executor, class T>
void start(Executor const& executor, net::awaitable<T> call, ending<T>& end)
{
    net::co_spawn(executor, hk::as_result(std::move(call)),
                  [&end](std::exception_ptr failure, hk::result<T> value) {
                      if (failure)
                          std::rethrow_exception(failure);
                      end.set(std::move(value));
                  });
}

/// Does `call` and returns when nothing is left to do: a client at rest keeps no context busy.
template <class T>
ending<T> run(net::io_context& io, net::awaitable<T> call)
{
    ending<T> end;
    start(io.get_executor(), std::move(call), end);
    io.restart();
    io.run();
    REQUIRE(end.happened());
    return end;
}

/// A call that can be cancelled.
template <class T>
class running_call
{
public:
    running_call(net::io_context& io, net::awaitable<T> call) : io_(io)
    {
        net::co_spawn(io, begin(std::move(call)),
                      net::bind_cancellation_slot(signal_.slot(),
                                                  [this](std::exception_ptr failure, hk::result<T> value) {
                                                      if (failure)
                                                          std::rethrow_exception(failure);
                                                      end.set(std::move(value));
                                                  }));
    }

    /// The call will end with the next steps of its executor.
    void begin_to_cancel() { signal_.emit(net::cancellation_type::terminal); }

    /// Cancels, and works until the call has ended; what else is under way goes on.
    void cancel()
    {
        begin_to_cancel();
        work_until(io_, [this] { return end.happened(); });
    }

    /// A call cancelled before ends as any coroutine of Asio's, without the library's doing.
    bool has_begun() const { return begun_; }

    ending<T> end;

private:
    net::awaitable<hk::result<T>> begin(net::awaitable<T> call)
    {
        begun_ = true;
        hk::result<T> value = co_await hk::as_result(std::move(call));
        co_return value;
    }

    net::io_context& io_;
    net::cancellation_signal signal_;
    bool begun_ = false;
};

/// One line, with operation and topic, and without what must stay secret.
inline void check_what(hk::error const& failure, std::string_view operation, std::string_view topic = "")
{
    std::string const what = failure.what();
    CAPTURE(what);
    CHECK(what.starts_with(operation));
    CHECK(failure.info().operation == operation);
    CHECK(failure.info().topic == topic);
    if (!topic.empty())
        CHECK(what.find("'" + std::string(topic) + "'") != std::string::npos);
    for (char const c : what)
        CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK(what.find(token_text) == std::string::npos);
    CHECK(failure.info().server_message.find(token_text) == std::string::npos);
}

} // namespace test

template <>
struct doctest::StringMaker<std::error_code>
{
    static doctest::String convert(std::error_code const& code)
    {
        std::string const text = code ? code.message() : "success";
        return text.c_str();
    }
};
template <>
struct doctest::StringMaker<hdikafka::errc>
{
    static doctest::String convert(hdikafka::errc code)
    {
        return doctest::StringMaker<std::error_code>::convert(hdikafka::make_error_code(code));
    }
};

#endif
