// Where a fault is met: the servers and doors that it takes, and the options of a client that comes there.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_SITE_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_SITE_HPP

#include "support/faults/operations.hpp"
#include "support/faults/resolver.hpp"
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// Addresses of this machine at which a server's port is not served.
inline std::string const refusing_address = "127.0.0.2";
inline std::string const full_address = "127.0.0.3";

/// At two more addresses of this machine, a port that takes no connection: one refuses, at the other
/// whoever connects waits in a queue that is full.
class closed_doors
{
public:
    explicit closed_doors(unsigned port) : refusing_(io_, net::ip::tcp::v4()), full_(at(full_address, port))
    {
        refusing_.set_option(net::socket_base::reuse_address(true)); // an earlier pair had it a moment ago
        refusing_.bind(at(refusing_address, port));
    }

private:
    static net::ip::tcp::endpoint at(std::string const& address, unsigned port)
    {
        return {net::ip::make_address(address), static_cast<net::ip::port_type>(port)};
    }

    net::io_context io_;
    net::ip::tcp::acceptor refusing_;
    full_listener full_;
};

/// How many TCP sockets of this process are, or try to become, the client's end of a connection: all
/// but those that listen and those that a listener took.
inline std::size_t client_sockets()
{
    constexpr int most = 1024; // more than any test has open
    std::set<in_port_t> served;
    std::vector<in_port_t> others;
    for (int fd = 0; fd != most; ++fd) {
        sockaddr_in address = {};
        socklen_t size = sizeof address;
        int type = 0;
        socklen_t type_size = sizeof type;
        if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
            address.sin_family != AF_INET || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 ||
            type != SOCK_STREAM)
            continue;
        int listens = 0;
        socklen_t listens_size = sizeof listens;
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size);
        if (listens != 0)
            served.insert(address.sin_port);
        else
            others.push_back(address.sin_port);
    }
    std::size_t count = 0;
    for (in_port_t const port : others)
        count += served.count(port) == 0;
    return count;
}

/// What ends the call.
enum class trouble : unsigned char
{
    failure,       // of the peer or the network
    connect_limit, // client_options::connect_timeout
    idle_limit,    // client_options::idle_timeout
    total_limit,   // client_options::total_timeout
    call_limit,    // call_options::timeout
    cancellation,
};

/// One thing that goes wrong at one step. Its gates are its own: it befalls one call.
class fault
{
public:
    std::string step;  ///< In tables.
    std::string event; ///< In tables.
    trouble kind = trouble::failure;
    std::error_code code;        ///< What the call ends with; none: it is good all the same.
    bool repeated = true;        ///< Another attempt makes sense.
    bool written = false;        ///< Bytes of the request went out, and no refusal came back.
    bool arrived = false;        ///< The whole request did.
    bool large = false;          ///< The request is larger than the kernel takes at once.
    bool asks_authority = false; ///< The token comes from a server, too.
    bool needs_doors = false;
    bool other_first = false;    ///< Another call goes before, and has what this one waits for.
    bool frees_early = false;    ///< `release` is opened as soon as the call waits.
    bool resting = false;        ///< No connection is open where the call stands.
    bool goes_on = false;        ///< Something does when the call has ended, until `release`.
    bool one_connection = false; ///< There may be no second one.
    std::size_t left_open = 0;   ///< Connections that may be open after the call.
    std::vector<lookup> lookups; ///< Of the server's host.
    std::vector<lookup> authority_lookups;
    std::vector<script> service; ///< Of the first connections; good ones follow.
    std::vector<script> authority;
    gate taken;   ///< Opened when the other call has it.
    gate reached; ///< Opened when the call stands where the trouble begins.
    gate release; ///< Ends what goes on when the call has ended.
};

/// A time limit for one try: short, unless the machine proves too slow for it.
using limit = std::chrono::milliseconds;

/// The servers and the doors that a fault needs, and the options of a client that comes to it.
class fault_site
{
public:
    /// `time`: for the fault's limit, if it has one.
    fault_site(fault const& which, limit time, hk::retry_policy retry)
        : options(std::string()), fault_(which), server_(followed_by_good(which.service))
    {
        name_service::get().plan(server_.port(), which.lookups);
        auto const trust = hk::tls_options().ca_pem(authorities::get().trusted_pem());
        options = options_for(server_.endpoint("service.test"))
                      .retry(retry)
                      .tls(hk::tls_options(trust).configure([alive = alive_](SSL_CTX*) {}));
        if (which.asks_authority) {
            authority_.emplace(followed_by_good(which.authority));
            name_service::get().plan(authority_->port(), which.authority_lookups);
            options.credential(hk::client_secret_credential("tenant", "id", "secret")
                                   .authority_host(authority_->endpoint("service.test")));
        }
        if (which.needs_doors)
            doors_.emplace(which.asks_authority ? authority_->port() : server_.port());
        if (which.one_connection)
            options.max_connections(1);
        set_limit(time);
        before_ = client_sockets();
    }
    fault_site(fault_site const&) = delete;
    fault_site& operator=(fault_site const&) = delete;
    ~fault_site() = default;

    scripted_server const& server() const noexcept { return server_; }
    std::size_t tokens_asked_for() const { return authority_ ? authority_->requests().size() : 0; }

    /// Connections that were made, by whomever, and are open.
    std::size_t open_connections() const { return client_sockets() - before_; }

    /// Whether a call waits where the fault's trouble begins.
    bool stands_there() const
    {
        bool const connected = open_connections() != 0;
        return fault_.reached.is_open() && (!fault_.needs_doors || connected) &&
               (!fault_.resting || !connected);
    }

    /// Whether nothing holds the client's options any more: no handle, no coroutine, no background work.
    bool forgotten()
    {
        options = hk::client_options();
        return alive_.use_count() == 1;
    }

    hk::client_options options;
    hk::call_options call; ///< Of the call that meets the fault.

private:
    static std::vector<script> followed_by_good(std::vector<script> scripts)
    {
        scripts.push_back(good_script());
        return scripts;
    }

    void set_limit(limit time)
    {
        switch (fault_.kind) {
        // A limit that does not work shall not take a minute to be seen.
        case trouble::connect_limit: options.connect_timeout(time).total_timeout(100 * time); break;
        case trouble::idle_limit: options.idle_timeout(time).total_timeout(100 * time); break;
        case trouble::total_limit: options.total_timeout(time); break;
        case trouble::call_limit: call.timeout(time); break;
        case trouble::failure:
        case trouble::cancellation: break;
        }
        // The request id is the caller's to choose, and makes a request as large as is wanted.
        constexpr std::size_t more_than_the_kernel_takes = 8 * 1024 * 1024;
        if (fault_.large)
            call.request_id(std::string(more_than_the_kernel_takes, 'x'));
    }

    fault fault_;
    scripted_server server_;
    std::optional<scripted_server> authority_;
    std::optional<closed_doors> doors_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    std::size_t before_ = 0;
};

} // namespace test

#endif
