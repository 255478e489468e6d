// An HTTP proxy for tests: it opens tunnels to this machine (RFC 9110 §9.3.6), or does not, or cuts them.
#ifndef HDIKAFKA_TESTS_SUPPORT_TUNNEL_PROXY_HPP
#define HDIKAFKA_TESTS_SUPPORT_TUNNEL_PROXY_HPP

#include "support/net/script.hpp"
#include "support/net/tunnel_plan.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace test {

/// Listens on a free port of 127.0.0.1, on a thread of its own. Whatever host it is asked for, the port is
/// looked for on 127.0.0.1: to the names of a test it is what the name service of a company is to those of
/// its machines. The n-th connection is treated as the n-th plan says, those beyond are good tunnels.
class tunnel_proxy
{
public:
    explicit tunnel_proxy(std::vector<tunnel_plan> plans = std::vector<tunnel_plan>());
    explicit tunnel_proxy(tunnel_plan first);
    tunnel_proxy(tunnel_proxy const&) = delete;
    tunnel_proxy& operator=(tunnel_proxy const&) = delete;
    ~tunnel_proxy();

    unsigned port() const;

    /// `before`: what stands before the host: "user:password@".
    std::string url(std::string const& before = "", std::string const& host = "127.0.0.1") const;

    /// The requests so far. The body is what came before the tunnel was open: nothing may.
    std::vector<seen_request> requests() const;

    /// Their first lines.
    std::vector<std::string> lines() const;

    /// Connections that were taken so far.
    std::size_t connections() const;

    /// How many TLS records have gone one way through all tunnels together.
    std::size_t records(way direction) const;

    /// Blocks until `count` connections have ended, whoever ended them.
    void wait_for_ends(std::size_t count) const;

    /// Blocks until every connection so far has ended.
    void wait_for_all_ends() const;

    /// Closes all tunnels, as a proxy does that has seen nothing go through them for a while.
    void close_tunnels();

private:
    class machine;
    std::unique_ptr<machine> machine_;
};

} // namespace test

#endif
