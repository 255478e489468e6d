// An emulator that only a proxy can reach.
#ifndef HDIKAFKA_TESTS_SUPPORT_HIDDEN_EMULATOR_HPP
#define HDIKAFKA_TESTS_SUPPORT_HIDDEN_EMULATOR_HPP

#include "support/faults/resolver.hpp"
#include "support/net/running.hpp"
#include "support/emulator/served_emulator.hpp"

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// An emulator under names that nobody can look up but the proxy.
class hidden_emulator
{
public:
    hidden_emulator()
        : service_(hk::emulator_options()
                       .advertise("cluster.example")
                       .host_name("cluster.example")
                       .host_name("login.example")),
          who_(identity("127.0.0.1"))
    {
        hide();
        emulator().add_topic("orders");
        net::io_context io;
        hk::client const direct(io.get_executor(), options_at("127.0.0.1"));
        REQUIRE(run(io, direct.topics()).good()); // from now on there is a token
        emulator().forget_calls();
    }
    hidden_emulator(hidden_emulator const&) = delete;
    hidden_emulator& operator=(hidden_emulator const&) = delete;
    ~hidden_emulator() { show(); }

    hk::emulator& emulator() noexcept { return service_.emulator; }
    hk::emulator const& emulator() const noexcept { return service_.emulator; }
    std::string port() const { return std::to_string(service_.emulator.port()); }
    std::string line(std::string const& host) const { return "CONNECT " + host + ":" + port() + " HTTP/1.1"; }

    /// Has the names looked up in vain.
    void hide()
    {
        constexpr std::size_t more_than_any_test_needs = 1000;
        name_service::get().plan(service_.emulator.port(),
                                 std::vector<lookup>(more_than_any_test_needs, lookup("").tell(looked_up_)));
    }
    /// Has them found, here.
    void show() { name_service::get().plan(service_.emulator.port(), std::vector<lookup>()); }

    /// Whether anybody has looked a name up.
    bool looked_up() const { return looked_up_.is_open(); }

    /// The application, at the authority of this name; it has no token yet.
    hk::credential identity(std::string const& authority) const
    {
        hk::emulator_options const defaults;
        return hk::client_secret_credential(defaults.tenant(), defaults.client_id(), defaults.client_secret())
            .authority_host("https://" + authority + ":" + port());
    }

    hk::client_options options_at(std::string const& host) const
    {
        return hk::client_options("https://" + host + ":" + port())
            .credential(who_)
            .tls(hk::tls_options().ca_pem(service_.emulator.ca_pem()))
            .retry(hk::retry_policy().max_retries(0));
    }
    hk::client_options options(std::string proxy) const
    {
        return options_at("cluster.example").proxy(std::move(proxy));
    }

    std::size_t records() const { return service_.emulator.records("orders", 0).size(); }

private:
    served_emulator service_;
    hk::credential who_;
    gate looked_up_;
};

} // namespace test

#endif
