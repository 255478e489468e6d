// What a client is made from.
#ifndef HDIKAFKA_CLIENT_OPTIONS_HPP
#define HDIKAFKA_CLIENT_OPTIONS_HPP

#include <hdikafka/credential.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/tls_options.hpp>
#include <hdikafka/version.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

/// The endpoint and how to talk to it. Values are checked when a client is made from them.
class client_options
{
public:
    client_options() = default;

    /// `https://<cluster>-kafkarest.azurehdinsight.net`, with a port if it is not 443.
    explicit client_options(std::string endpoint) : endpoint_(std::move(endpoint)) {}

    /// Who the program is. Copies of one credential share its tokens.
    client_options& credential(hdikafka::credential who) & { return set(credential_, std::move(who)); }
    client_options&& credential(hdikafka::credential who) && { return std::move(credential(std::move(who))); }

    /// Whom to trust; for the proxy and for the token authority.
    client_options& tls(tls_options trust) & { return set(tls_, std::move(trust)); }
    client_options&& tls(tls_options trust) && { return std::move(tls(std::move(trust))); }

    /// For making a connection: looking the host up, connecting and the TLS handshake together; 10 s by
    /// default. The host's addresses are tried together, each a quarter of a second after the one before
    /// (RFC 8305). It is granted anew when a host has further addresses and the one that answered fails
    /// in the handshake.
    client_options& connect_timeout(milliseconds limit) & { return set(connect_timeout_, limit); }
    client_options&& connect_timeout(milliseconds limit) && { return std::move(connect_timeout(limit)); }

    /// How long a peer may neither send nor take a byte within an exchange; 30 s by default.
    client_options& idle_timeout(milliseconds limit) & { return set(idle_timeout_, limit); }
    client_options&& idle_timeout(milliseconds limit) && { return std::move(idle_timeout(limit)); }

    /// For one call with its retries; 60 s by default. call_options::timeout changes it for one call.
    client_options& total_timeout(milliseconds limit) & { return set(total_timeout_, limit); }
    client_options&& total_timeout(milliseconds limit) && { return std::move(total_timeout(limit)); }

    /// How often and how patiently a failed call is repeated; see retry_policy for the defaults.
    client_options& retry(retry_policy policy) & { return set(retry_, policy); }
    client_options&& retry(retry_policy policy) && { return std::move(retry(policy)); }

    /// The most connections to one host, 16 by default. Calls beyond wait in turn.
    client_options& max_connections(std::size_t count) & { return set(max_connections_, count); }
    client_options&& max_connections(std::size_t count) && { return std::move(max_connections(count)); }

    /// How long an unused connection is kept, 60 s by default, or less if the server says so.
    client_options& max_idle_time(milliseconds limit) & { return set(max_idle_time_, limit); }
    client_options&& max_idle_time(milliseconds limit) && { return std::move(max_idle_time(limit)); }

    /// How old a connection may become; 10 minutes by default. A request under way is finished first.
    /// With it a change of the host's addresses takes effect.
    client_options& max_connection_age(milliseconds limit) & { return set(max_connection_age_, limit); }
    client_options&& max_connection_age(milliseconds limit) &&
    {
        return std::move(max_connection_age(limit));
    }

    /// The HTTP proxy to reach the service and the token authority through (CONNECT):
    /// "http://user:password@host:3128"; the password is percent-encoded. An empty text means none. When it
    /// is not set, HTTPS_PROXY and NO_PROXY of the environment decide, read when the client is made. No token
    /// is ever shown to the proxy.
    client_options& proxy(std::string url) & { return set(proxy_, std::move(url)); }
    client_options&& proxy(std::string url) && { return std::move(proxy(std::move(url))); }

    /// Whom to tell of what the client does.
    client_options& observer(hdikafka::observer listener) & { return set(observer_, std::move(listener)); }
    client_options&& observer(hdikafka::observer listener) &&
    {
        return std::move(observer(std::move(listener)));
    }

    /// The bounds of an answer.
    client_options& limits(http_limits bounds) & { return set(limits_, bounds); }
    client_options&& limits(http_limits bounds) && { return std::move(limits(bounds)); }

    /// The User-Agent field; "hdikafka/<version>" by default.
    client_options& user_agent(std::string text) & { return set(user_agent_, std::move(text)); }
    client_options&& user_agent(std::string text) && { return std::move(user_agent(std::move(text))); }

    /// Takes an http endpoint on this machine. For tests: tokens go in the clear.
    client_options& allow_plain_http_to_loopback() & { return set(plain_http_, true); }
    client_options&& allow_plain_http_to_loopback() && { return std::move(allow_plain_http_to_loopback()); }

    /// The endpoint as it was given.
    std::string const& endpoint() const noexcept { return endpoint_; }
    hdikafka::credential const& credential() const noexcept { return credential_; }
    tls_options const& tls() const noexcept { return tls_; }
    milliseconds connect_timeout() const noexcept { return connect_timeout_; }
    milliseconds idle_timeout() const noexcept { return idle_timeout_; }
    milliseconds total_timeout() const noexcept { return total_timeout_; }
    retry_policy const& retry() const noexcept { return retry_; }
    std::size_t max_connections() const noexcept { return max_connections_; }
    milliseconds max_idle_time() const noexcept { return max_idle_time_; }
    milliseconds max_connection_age() const noexcept { return max_connection_age_; }
    std::optional<std::string> const& proxy() const noexcept { return proxy_; }
    hdikafka::observer const& observer() const noexcept { return observer_; }
    http_limits const& limits() const noexcept { return limits_; }
    std::string const& user_agent() const noexcept { return user_agent_; }
    /// Whether allow_plain_http_to_loopback() was called.
    bool plain_http_allowed() const noexcept { return plain_http_; }

private:
    template <class Member, class Value>
    client_options& set(Member& member, Value&& value)
    {
        member = std::forward<Value>(value);
        return *this;
    }

    std::string endpoint_;
    hdikafka::credential credential_;
    tls_options tls_;
    milliseconds connect_timeout_{10'000};
    milliseconds idle_timeout_{30'000};
    milliseconds total_timeout_{60'000};
    retry_policy retry_;
    std::size_t max_connections_ = 16;
    milliseconds max_idle_time_{60'000};
    milliseconds max_connection_age_{600'000};
    std::optional<std::string> proxy_;
    hdikafka::observer observer_;
    http_limits limits_;
    std::string user_agent_ = "hdikafka/" HDIKAFKA_VERSION_STRING;
    bool plain_http_ = false;
};

} // namespace hdikafka::inline v0_1

#endif
