// Azure as a program can see it, and what default_credential makes of it.
#ifndef HDIKAFKA_TESTS_SUPPORT_AZURE_SITE_HPP
#define HDIKAFKA_TESTS_SUPPORT_AZURE_SITE_HPP

#include "support/identity/child_watch.hpp"
#include "support/identity/client_certificates.hpp"
#include "support/base/environment.hpp"
#include "support/emulator/served_emulator.hpp"
#include "support/identity/source_bench.hpp"

#include <hdikafka/client.hpp>
#include <hdikafka/credential.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace test {

using variables = std::map<std::string, std::string>;

/// A port of this machine that nobody listens on, for as long as this lives.
class closed_port
{
public:
    closed_port() : held_(io_, net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0)) {}

    std::string url() const { return "http://127.0.0.1:" + std::to_string(held_.local_endpoint().port()); }

private:
    net::io_context io_;
    net::ip::tcp::socket held_; // bound, and not listening
};

/// Azure as far as a program can see it: the authority, the endpoints of managed identities, an az.
class azure
{
public:
    /// With a user-assigned identity of this name.
    explicit azure(std::string const& assigned = "assigned-client")
        : service(hk::emulator_options()
                      .client_certificates(pem_of(own().leaf.get()))
                      .federated_assertion("ey.federated.token")
                      .managed_identity(true)
                      .user_assigned_identity(assigned))
    {
        certificate = folder.file("client.pem", own().pem());
        federated_token = folder.file("token", "ey.federated.token");
        with_az = folder.path("bin");
        REQUIRE(::mkdir(with_az.c_str(), 0700) == 0);
        std::string const az = folder.file("bin/az", "#!/bin/sh\necho '{\"accessToken\":\"az.token\"}'\n");
        REQUIRE(::chmod(az.c_str(), 0700) == 0);
        nothing = folder.path("empty");
        REQUIRE(::mkdir(nothing.c_str(), 0700) == 0);
    }

    static client_certificates const& own() { return client_certificates::get(); }

    std::string url() const { return service.emulator.identity_endpoint(); }

    scratch_folder folder;
    served_emulator service;
    closed_port nowhere;
    std::string certificate;
    std::string federated_token;
    std::string with_az; ///< A PATH.
    std::string nothing; ///< Another.
};

/// Every variable that any of the credentials looks at: those that are named, and none of the others.
class surroundings
{
public:
    surroundings(azure const& where, variables const& said)
    {
        variables all{{"AZURE_AUTHORITY_HOST", where.service.emulator.authority_host()},
                      {"AZURE_POD_IDENTITY_AUTHORITY_HOST", where.nowhere.url()},
                      {"PATH", where.nothing}};
        for (auto const& [name, value] : said)
            all[name] = value;
        for (char const* const name :
             {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
              "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
              "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "AZURE_POD_IDENTITY_AUTHORITY_HOST",
              "AZURE_TOKEN_CREDENTIALS", "AZURE_USERNAME", "AZURE_PASSWORD", "IDENTITY_ENDPOINT",
              "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
              "PATH"}) {
            auto const found = all.find(name);
            set_.emplace_back(name, found == all.end() ? std::nullopt : std::optional(found->second));
            all.erase(name);
        }
        REQUIRE(all.empty());
    }

private:
    std::deque<variable> set_;
};

inline hk::detail::transport_settings trusting(azure const& where)
{
    hk::detail::transport_settings out;
    out.tls.ca_pem(where.service.emulator.ca_pem());
    out.retry.max_retries(0);
    return out;
}

inline asked ask(azure const& where, hk::default_credential who = {})
{
    source_bench bench(trusting(where));
    asked out = bench.ask(std::move(who).make_source());
    CHECK(out.ended);
    CHECK_FALSE(out.thrown);
    CHECK(childless());
    return out;
}

/// The credential that was chosen, and whether it gave a token.
inline std::string chosen(asked const& out)
{
    if (out.good())
        return out.grant.source;
    if (out.code() == hk::errc::no_credential)
        return "none";
    return out.grant.source.empty() ? out.code().message() : out.grant.source + ", which fails";
}

/// Whether `text` has all the pieces, one after the other.
inline bool has_in_order(std::string const& text, std::vector<std::string> const& pieces)
{
    std::size_t at = 0;
    for (std::string const& piece : pieces) {
        at = text.find(piece, at);
        if (at == std::string::npos)
            return false;
        at += piece.size();
    }
    return true;
}

class row
{
public:
    std::string place;
    variables said;
    std::string chosen;
    std::vector<std::string> passed_over; ///< Pieces of what is said of those that came before.
};

/// The names of the variables that are set, for the table.
inline std::string names_of(variables const& said)
{
    std::string out;
    for (auto const& [name, value] : said)
        out += (out.empty() ? "" : " ") + name + (name == "AZURE_TOKEN_CREDENTIALS" ? "=" + value : "");
    return out;
}

inline void check_rows(azure const& where, std::vector<row> const& rows)
{
    for (row const& each : rows) {
        surroundings const set(where, each.said);
        asked const out = ask(where);
        std::string const reasons = out.grant.passed_over;
        std::printf("%s [%s]\n    -> %s%s%s\n", each.place.c_str(), names_of(each.said).c_str(),
                    chosen(out).c_str(), reasons.empty() ? "" : "\n    not ", reasons.c_str());
        CAPTURE(each.place);
        CAPTURE(out.cause());
        CAPTURE(reasons);
        CHECK(chosen(out) == each.chosen);
        CHECK(has_in_order(reasons, each.passed_over));
        if (out.code() == hk::errc::no_credential)
            CHECK(out.cause() == "no credential was found: " + reasons);
    }
}

} // namespace test

#endif
