// A managed identity's token asked for without a client around it: the environment, the endpoint, the asking.
#ifndef HDIKAFKA_TESTS_SUPPORT_IDENTITY_SITE_HPP
#define HDIKAFKA_TESTS_SUPPORT_IDENTITY_SITE_HPP

#include "support/net/certificates.hpp"
#include "support/identity/client_certificates.hpp"
#include "support/net/running.hpp"
#include "support/net/scripted_server.hpp"

#include <hdikafka/detail/identity/managed_identity.hpp>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

namespace hkd = hdikafka::detail;

/// The environment of a managed identity: these variables and no others, for the time of a test.
class identity_surroundings
{
public:
    using variables = std::vector<std::pair<std::string, std::string>>;

    explicit identity_surroundings(variables const& all)
    {
        clear();
        for (auto const& [name, value] : all)
            REQUIRE(setenv(name.c_str(), value.c_str(), 1) == 0); // NOLINT(concurrency-mt-unsafe): see below
    }
    identity_surroundings(identity_surroundings const&) = delete;
    identity_surroundings& operator=(identity_surroundings const&) = delete;
    ~identity_surroundings() { clear(); }

    static variables app_service(std::string const& endpoint, std::string const& header)
    {
        return {{"IDENTITY_ENDPOINT", endpoint}, {"IDENTITY_HEADER", header}};
    }
    static variables arc(std::string const& endpoint)
    {
        return {{"IDENTITY_ENDPOINT", endpoint}, {"IMDS_ENDPOINT", "http://localhost:40342"}};
    }
    static variables imds(std::string const& authority)
    {
        return {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", authority}};
    }

private:
    static void clear()
    {
        for (char const* const name :
             {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT",
              "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
              "http_proxy", "NO_PROXY", "no_proxy"})
            unsetenv(name); // NOLINT(concurrency-mt-unsafe): the other threads of these tests do not look
    }
};

/// Where the tokens come from in these tests; its answers fill `bytes` of the wire.
inline std::string identity_token(std::string_view token, std::string_view more = R"("expires_in":"3599")")
{
    return http(200, R"({"access_token":")" + std::string(token) + R"(","token_type":"Bearer",)" +
                         std::string(more) + "}");
}

inline std::string imds_error(int status, std::string_view description)
{
    return http(status,
                R"({"error":"invalid_request","error_description":")" + std::string(description) + "\"}");
}

/// A client's transport as the token sources see it, waiting for nothing longer than it must.
inline hkd::transport_settings identity_transport()
{
    hkd::transport_settings out;
    out.user_agent = "test/1";
    out.retry = hk::retry_policy().max_retries(0);
    out.environment = hkd::proxy_environment();
    out.tls = hk::tls_options().ca_pem(authorities::get().trusted_pem());
    return out;
}

/// One source of tokens on a context of its own.
class identity_asker
{
public:
    explicit identity_asker(hkd::managed_identity_settings settings = {},
                            hkd::transport_settings how = identity_transport(),
                            std::string const& key_folder = hkd::arc_key_folder, int haste = 1'000'000);

    /// A token request, as the cache makes it.
    net::awaitable<hkd::token_grant> ask(std::string claims = "", hk::milliseconds patience = 2min);

    ending<hkd::token_grant> call() { return run(io, ask()); }

    net::io_context io;
    hkd::transport_ptr http;
    hkd::token_source_ptr from;
};

/// All that an error says.
inline std::string every_word(hk::error const& failure)
{
    hk::diagnostics const& info = failure.info();
    return failure.what() + ("|" + failure.cause()) + "|" + info.server_code + "|" + info.server_message +
           "|" + info.suberror + "|" + info.trace_id + "|" + info.correlation_id + "|" + info.claims + "|" +
           info.request_id;
}

inline std::string const identity_header = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a";
inline std::string const arc_key_text = "c2VjcmV0LWtleS1vZi1hcmM=";

/// One host of identities, answering by a script, and one that asks it.
class identity_site
{
public:
    identity_site(hkd::identity_host kind, script does, hkd::managed_identity_settings settings = {},
                  hkd::transport_settings how = identity_transport(),
                  std::string const& key_folder = "/nowhere")
        : server(std::move(does), std::nullopt),
          surroundings(variables(kind)),
          asker(std::move(settings), std::move(how), key_folder)
    {}

    /// The error after these answers; checked for what none may show.
    hk::error failure()
    {
        hk::error const failed = asker.call().error();
        std::string const words = every_word(failed);
        CAPTURE(words);
        for (std::string const& hidden : {identity_header, arc_key_text, std::string("the-token")})
            CHECK(words.find(hidden) == std::string::npos);
        return failed;
    }

    scripted_server server;
    identity_surroundings surroundings;
    identity_asker asker;

private:
    identity_surroundings::variables variables(hkd::identity_host kind) const
    {
        if (kind == hkd::identity_host::app_service)
            return identity_surroundings::app_service(server.endpoint() + "/msi/token", identity_header);
        if (kind == hkd::identity_host::arc)
            return identity_surroundings::arc(server.endpoint() + "/arc/token");
        return identity_surroundings::imds(server.endpoint());
    }
};

inline hkd::managed_identity_settings named_identity(std::string client_id, std::string object_id = "",
                                                     std::string resource_id = "")
{
    hkd::managed_identity_settings out;
    out.client_id = std::move(client_id);
    out.object_id = std::move(object_id);
    out.resource_id = std::move(resource_id);
    return out;
}

/// The head of a request as it must be, with the id that it has.
inline std::string request_head(seen_request const& got, scripted_server const& server,
                                std::string const& target, std::string const& field)
{
    std::string const id = got.field("x-ms-client-request-id");
    CHECK(id.size() == 36);
    return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n" +
           field +
           "Accept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: test/1\r\n"
           "x-ms-client-request-id: " +
           id + "\r\n";
}

/// Files of Azure Arc's agent.
class arc_files
{
public:
    std::string folder() const
    {
        std::string out = scratch_.path("");
        out.pop_back(); // the '/'
        return out;
    }
    std::string file(std::string const& name, std::string const& content) const
    {
        return scratch_.file(name, content);
    }

private:
    scratch_folder scratch_;
};

/// The answer of Arc's agent to a request that shows no key.
inline std::string challenge(std::string const& path, std::string const& scheme = "Basic realm=")
{
    return http(401,
                R"({"error":"unauthorized_client","error_description":"Missing Basic Authorization header"})",
                "WWW-Authenticate: " + scheme + path + "\r\n");
}

inline bool says(std::string const& words, std::string const& some)
{
    return words.find(some) != std::string::npos;
}

} // namespace test

#endif
