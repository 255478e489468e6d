// A server that does what a test tells it to, well or badly: TLS by asio::ssl::stream, or in the clear.
#ifndef HDIKAFKA_TESTS_SUPPORT_SCRIPTED_SERVER_HPP
#define HDIKAFKA_TESTS_SUPPORT_SCRIPTED_SERVER_HPP

#include "support/net/certificates.hpp"
#include "support/base/gate.hpp"
#include "support/net/script.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace test {

/// Listens on a free port of 127.0.0.1 unless it is told where, on a thread of its own. The n-th connection
/// is served by the n-th script, those beyond by the last one. Ends with its connections in the destructor.
class scripted_server
{
public:
    explicit scripted_server(std::vector<script> scripts,
                             std::optional<certificate> shown = certificate::good,
                             std::string const& address = "127.0.0.1", unsigned port = 0);
    explicit scripted_server(script only, std::optional<certificate> shown = certificate::good);
    scripted_server(scripted_server const&) = delete;
    scripted_server& operator=(scripted_server const&) = delete;
    ~scripted_server();

    unsigned port() const;
    std::string endpoint(std::string const& host = "127.0.0.1") const;

    /// Connections that were taken so far.
    std::size_t connections() const;

    std::vector<seen_request> requests() const;

    /// Blocks until `count` connections have ended, whoever ended them.
    void wait_for_ends(std::size_t count) const;

    std::size_t ended() const;

    /// How many of them the peer ended in an orderly way: over TLS with close_notify.
    std::size_t farewells() const;

private:
    class machine;
    std::unique_ptr<machine> machine_;
};

} // namespace test

#endif
