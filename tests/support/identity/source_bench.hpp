// Sources of tokens, asked one request at a time as the token cache does, without a client.
#ifndef HDIKAFKA_TESTS_SUPPORT_SOURCE_BENCH_HPP
#define HDIKAFKA_TESTS_SUPPORT_SOURCE_BENCH_HPP

#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/net/transport.hpp>

#include <asio/io_context.hpp>

#include <exception>
#include <memory>
#include <string>

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
    explicit source_bench(hk::detail::transport_settings const& settings = {});

    /// A request that has been begun on the bench's executor; `operation` ends it early.
    class begun
    {
    public:
        asked_ptr answer = std::make_shared<asked>();
        hk::detail::operation_ptr operation;
    };

    begun begin(source_ptr source, std::string claims = "") const;

    /// Asks, and works until nothing is left to do.
    asked ask(source_ptr source, std::string claims = "");

    std::unique_ptr<net::io_context> io; ///< May be destroyed with what is under way in it.
    hk::detail::transport_ptr http;
};

} // namespace test

#endif
