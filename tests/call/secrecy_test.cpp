// An authority, a service or an HTTP proxy that repeats what it was sent, wherever it can: no secret,
// assertion or token comes out of the library again.
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace test;

namespace {

/// Every text that an observer is told.
class overheard
{
public:
    explicit overheard(std::string& all) : all_(all) {}

    void operator()(hk::request_started const& event) { add(event.call); }
    void operator()(hk::attempt_ended const& event)
    {
        add(event.call);
        all_ += event.code.message() + "\n";
    }
    void operator()(hk::retry_scheduled const& event)
    {
        add(event.call);
        all_ += event.code.message() + "\n";
    }
    void operator()(hk::request_ended const& event)
    {
        add(event.call);
        all_ += event.code.message() + "\n";
    }
    void operator()(hk::token_renewed const& event)
    {
        all_ += event.code.message() + "\n" + std::string(event.source) + "\n" +
                std::string(event.passed_over) + "\n";
    }
    void operator()(hk::connection_opened const& event) { all_ += std::string(event.host) + "\n"; }
    void operator()(hk::connection_closed const& event) { all_ += std::string(event.host) + "\n"; }

private:
    void add(hk::observed_call const& call)
    {
        all_ += std::string(call.operation) + "\n" + std::string(call.topic) + "\n" +
                std::string(call.request_id) + "\n";
    }

    std::string& all_;
};

/// Every text of an error.
std::string all_of(hk::error const& failure)
{
    hk::diagnostics const& info = failure.info();
    std::string out;
    for (std::string_view const text :
         {std::string_view(failure.what()), std::string_view(failure.cause()),
          std::string_view(info.operation), std::string_view(info.topic), std::string_view(info.server_code),
          std::string_view(info.server_message), std::string_view(info.request_id),
          std::string_view(info.suberror), std::string_view(info.trace_id),
          std::string_view(info.correlation_id), std::string_view(info.claims)})
        out.append(text).append("\n");
    return out + failure.code().message();
}

/// A text as JSON writes it.
std::string quoted(std::string const& text) { return std::string(hk::json(text).text()); }

/// What a server writes that repeats `words`, which are what it was sent: all ways to say no, and some that
/// are no answers.
std::vector<std::string> echoes(std::string const& words)
{
    std::string const json = quoted("you said " + words + " and that is wrong");
    std::string const bare = quoted(words);
    std::vector<std::string> out;
    for (int const status : {400, 401, 403, 404, 429, 500, 503}) {
        out.push_back(http(status, words, "Connection: close\r\n"));
        out.push_back(http(status, "<html>" + words + "</html>", "Connection: close\r\n"));
        out.push_back(http(status, R"({"error":)" + json + R"(,"error_description":)" + json + "}",
                           "Connection: close\r\n"));
        out.push_back(http(status, R"({"error":{"code":)" + bare + R"(,"message":)" + bare + "}}",
                           "Connection: close\r\n"));
        out.push_back(http(status,
                           R"({"error":"x","suberror":)" + json + R"(,"trace_id":)" + json +
                               R"(,"correlation_id":)" + bare + R"(,"claims":)" + json + "}",
                           "Connection: close\r\n"));
        // Where a long text is cut.
        out.push_back(http(status, std::string(4090, '-') + words, "Connection: close\r\n"));
        out.push_back(http(status, std::string(290, '-') + words, "Connection: close\r\n"));
    }
    out.push_back(http(302, "", "Location: https://other.example/" + words + "\r\nConnection: close\r\n"));
    out.push_back(http(302, "", "Location: https://" + words + "@other.example/\r\nConnection: close\r\n"));
    out.push_back(http(302, "", "Location: " + words + "\r\nConnection: close\r\n"));
    out.push_back("HTTP/1.1 400 " + words + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    out.push_back("HTTP/1.1 200 OK\r\n" + words + "\r\n\r\n");
    out.push_back(words + "\r\n\r\n");
    out.push_back(http(200, words, "Connection: close\r\n"));
    out.push_back(http(200, R"({"access_token":{"it was":)" + bare + "}}", "Connection: close\r\n"));
    out.push_back(http(200, R"({"token_type":)" + bare + R"(,"access_token":7,"expires_in":)" + bare + "}",
                       "Connection: close\r\n"));
    out.push_back(http(200, "{}", "Content-Encoding: " + words + "\r\nConnection: close\r\n"));
    return out;
}

/// Checks that nothing of `hidden` stands in what came of a call, and gives the error's text.
void check_hidden(ending<std::vector<std::string>> const& end, std::string const& told,
                  std::vector<std::string> const& hidden)
{
    CHECK_FALSE(end.good());
    std::string const text = (end.good() ? std::string() : all_of(end.error())) + "\n" + told;
    for (std::string const& secret : hidden) {
        CAPTURE(secret);
        CAPTURE(text);
        CHECK(text.find(secret) == std::string::npos);
    }
}

/// What comes of a call by one who asks an authority for a token that answers so.
void check_authority(hk::credential const& who, scripted_server const& authority,
                     std::vector<std::string> const& hidden)
{
    scripted_server const service(script().serve(http(200, "{}")));
    net::io_context io;
    std::string told;
    hk::client const client(io.get_executor(), options_for(service.endpoint())
                                                   .credential(who)
                                                   .retry(quickly(1))
                                                   .observer(hk::observer(overheard(told))));
    auto const end = run(io, client.topics());
    CHECK_FALSE(authority.requests().empty());
    CHECK(service.requests().empty());
    check_hidden(end, told, hidden);
}

} // namespace

TEST_CASE("an authority that repeats the client secret, as it is or as the form had it")
{
    // The last one is short, and common enough to be a word.
    std::pair<std::string, std::string> const secrets[] = {
        {"s3cr3t~value+with/signs=", "s3cr3t%7Evalue%2Bwith%2Fsigns%3D"},
        {"0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"},
        {"Zq7xW2", "Zq7xW2"},
    };
    for (auto const& [secret, in_form] : secrets)
        for (std::string const& words : {secret, "client_secret=" + in_form + "&scope=x"})
            for (std::string const& bytes : echoes(words)) {
                CAPTURE(bytes);
                scripted_server const authority(script().serve(bytes));
                hk::client_secret_credential const who =
                    hk::client_secret_credential("tenant", "id", secret).authority_host(authority.endpoint());
                check_authority(who, authority, {secret, in_form});
            }
}

TEST_CASE("an authority that repeats the client assertion")
{
    std::string const assertion = "eyJhbGciOiJQUzI1NiJ9.eyJzdWIiOiJpZCJ9.c2lnbmF0dXJl";
    for (std::string const& bytes : echoes("client_assertion=" + assertion + "&scope=x")) {
        CAPTURE(bytes);
        scripted_server const authority(script().serve(bytes));
        auto const assert_it = [assertion]() -> net::awaitable<std::string> { co_return assertion; };
        hk::client_assertion_credential const who =
            hk::client_assertion_credential("tenant", "id", assert_it).authority_host(authority.endpoint());
        check_authority(who, authority, {assertion, "c2lnbmF0dXJl"});
    }
}

TEST_CASE("a service that repeats the token")
{
    for (std::string const& words : {std::string(token_text), "Bearer " + std::string(token_text)})
        for (std::string const& bytes : echoes(words)) {
            CAPTURE(bytes);
            scripted_server const service(script().serve(bytes));
            net::io_context io;
            std::string told;
            hk::client const client(
                io.get_executor(),
                options_for(service.endpoint()).retry(quickly(1)).observer(hk::observer(overheard(told))));
            auto const end = run(io, client.topics());
            CHECK_FALSE(service.requests().empty());
            check_hidden(end, told, {std::string(token_text)});
        }
}

TEST_CASE("an HTTP proxy that repeats its password")
{
    // "user:pw-12", and base64 of that.
    std::string const field = "dXNlcjpwdy0xMg==";
    for (std::string const& words : {std::string("pw-12"), "Basic " + field})
        for (std::string const& bytes : echoes(words)) {
            CAPTURE(bytes);
            if (bytes.starts_with("HTTP/1.1 200"))
                continue; // opens the tunnel
            scripted_server const proxy(script().read().send(bytes), std::nullopt);
            net::io_context io;
            std::string told;
            auto const options = options_for("https://service.example")
                                     .proxy("http://user:pw-12@127.0.0.1:" + std::to_string(proxy.port()))
                                     .retry(quickly(1))
                                     .observer(hk::observer(overheard(told)));
            hk::client const client(io.get_executor(), options);
            auto const end = run(io, client.topics());
            REQUIRE_FALSE(proxy.requests().empty());
            CHECK(proxy.requests()[0].field("proxy-authorization") == "Basic " + field);
            check_hidden(end, told, {"pw-12", field});
        }
}
