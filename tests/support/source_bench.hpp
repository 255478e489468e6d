// Sources of tokens, asked one request at a time as the token cache does, without a client.
#ifndef HDIKAFKA_TESTS_SUPPORT_SOURCE_BENCH_HPP
#define HDIKAFKA_TESTS_SUPPORT_SOURCE_BENCH_HPP

#include <hdikafka/detail/run_operation.hpp>
#include <hdikafka/detail/token_source.hpp>
#include <hdikafka/detail/transport.hpp>

#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace test {

namespace net = ::asio;
namespace hk = hdikafka;

using source_ptr = std::shared_ptr<hk::detail::token_source>;

/// What became of a request.
class asked
{
public:
    bool good() const { return ended && !thrown && outcome; }
    std::error_code code() const
    {
        return !ended || thrown || outcome ? std::error_code() : outcome.error().code();
    }
    std::string cause() const { return !ended || thrown || outcome ? "" : outcome.error().cause(); }

    bool ended = false;
    hk::result<void> outcome;
    std::exception_ptr thrown;
    hk::detail::token_grant grant;
};

using asked_ptr = std::shared_ptr<asked>;

class source_bench
{
public:
    explicit source_bench(hk::detail::transport_settings const& settings = {})
        : io(std::make_unique<net::io_context>()),
          http(std::make_shared<hk::detail::transport<>>(io->get_executor(), settings))
    {}

    /// A request that has been begun on the bench's executor; `operation` ends it early.
    class begun
    {
    public:
        asked_ptr answer = std::make_shared<asked>();
        hk::detail::operation_ptr operation;
    };

    begun begin(source_ptr source, std::string claims = "") const
    {
        begun out;
        out.operation = http->make_operation(std::chrono::steady_clock::now() + std::chrono::minutes(2));
        hk::detail::run_detached(out.operation,
                                 ask(out.operation, http, std::move(source), std::move(claims), out.answer));
        return out;
    }

    /// Asks, and works until nothing is left to do.
    asked ask(source_ptr source, std::string claims = "")
    {
        begun const request = begin(std::move(source), std::move(claims));
        io->restart();
        io->run();
        return *request.answer;
    }

    std::unique_ptr<net::io_context> io; ///< May be destroyed with what is under way in it.
    hk::detail::transport_ptr http;

private:
    static hk::detail::task ask(hk::detail::operation_ptr op, hk::detail::transport_ptr http,
                                source_ptr source, std::string claims, asked_ptr answer)
    {
        try {
            answer->outcome = co_await source->request(op, http, claims, answer->grant);
        } catch (...) {
            answer->thrown = std::current_exception();
        }
        answer->ended = true;
        co_return hk::result<void>();
    }
};

} // namespace test

#endif
