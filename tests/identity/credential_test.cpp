// Who the program is: tokens asked for, shared, renewed and refused.
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <asio/error.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
using names = std::vector<std::string>;
std::string const secret = "s3cr3t~&= /+value";

std::string token_json(std::string const& token)
{
    return R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":")" + token +
           "\"}";
}

hk::client_secret_credential secret_at(scripted_server const& authority)
{
    return hk::client_secret_credential("contoso.example", "id-1", secret)
        .authority_host(authority.endpoint());
}

/// A service that takes everything, an authority, and a client between them.
class one_authority
{
public:
    explicit one_authority(script authority_does, script service_does = script().serve(answer).forever())
        : authority(std::move(authority_does)),
          service(std::move(service_does)),
          client(io.get_executor(), options_for(service.endpoint()).credential(secret_at(authority)))
    {}

    ending<names> call() { return run(io, client.topics()); }

    /// The error of a call after this answer of the authority; checked for what must be in every one.
    hk::error failure()
    {
        hk::error const failed = call().error();
        check_what(failed, "topics");
        std::string const what = failed.what();
        CHECK(what.find("s3cr3t") == std::string::npos);
        CHECK(failed.info().server_message.find("s3cr3t") == std::string::npos);
        CHECK(failed.info().server_code.find("s3cr3t") == std::string::npos);
        CHECK(service.requests().empty());
        return failed;
    }

    scripted_server authority;
    scripted_server service;
    net::io_context io;
    hk::client client;
};

hk::error failure_of(std::string bytes) { return one_authority(script().serve(std::move(bytes))).failure(); }

} // namespace

TEST_CASE("a secret is sent as Entra wants it, and the token is used until it has to be renewed")
{
    one_authority peer(script().serve(http(200, token_json("token-1"))).forever());
    CHECK(peer.call().good());
    CHECK(peer.call().good());
    auto const asked = peer.authority.requests();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].line == "POST /contoso.example/oauth2/v2.0/token HTTP/1.1");
    CHECK(asked[0].field("content-type") == "application/x-www-form-urlencoded");
    CHECK(asked[0].field("authorization") == "(none)");
    CHECK(asked[0].body == "client_id=id-1&client_secret=s3cr3t%7E%26%3D+%2F%2Bvalue&grant_type=client_"
                           "credentials&scope=https%3A%2F%2Fhib.azurehdinsight.net%2F.default");
    auto const served = peer.service.requests();
    REQUIRE(served.size() == 2);
    CHECK(served[0].field("authorization") == "Bearer token-1");
    CHECK(served[1].field("authorization") == "Bearer token-1");
}

TEST_CASE("another scope is asked for when it is set")
{
    scripted_server const authority(script().serve(http(200, token_json("token-1"))).forever());
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(service.endpoint()).credential(secret_at(authority).scope("api://x/.default")));
    CHECK(run(io, client.topics()).good());
    CHECK(authority.requests().at(0).body.ends_with("&scope=api%3A%2F%2Fx%2F.default"));
}

TEST_CASE("the authority's refusal is reported with its words")
{
    std::string const body =
        R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1","error_codes":[7000215],"timestamp":"2024-01-01 00:00:00Z","trace_id":"1","correlation_id":"2"})";
    for (int const status : {400, 401, 403}) {
        CAPTURE(status);
        one_authority peer(script().serve(http(status, body)).forever());
        hk::error const refused = peer.failure();
        CHECK(refused.code() == hk::errc::token_refused);
        CHECK(refused.info().http_status == status);
        CHECK(refused.info().server_code == "invalid_client");
        CHECK(refused.info().server_message.starts_with("AADSTS7000215"));
        CHECK_FALSE(refused.info().retriable());
        CHECK(peer.authority.requests().size() == 1);
        // The next call asks again: the secret may have been mended on the other side.
        CHECK(peer.failure().code() == hk::errc::token_refused);
        CHECK(peer.authority.requests().size() == 2);
    }
}

TEST_CASE("an authority that repeats the secret in its words does not get it into the error")
{
    for (std::string const& body :
         {"<html>client_secret=" + secret + "</html>",
          std::string("client_secret=s3cr3t%7E%26%3D+%2F%2Bvalue"),
          R"({"error":"invalid_client","error_description":"the secret )" + secret + R"( is wrong"})"}) {
        CAPTURE(body);
        CHECK(failure_of(http(400, body)).code() == hk::errc::token_refused);
    }
}

TEST_CASE("an answer without a token is no token")
{
    std::string const page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    for (std::string const& body :
         {page, std::string(), std::string("{}"), std::string(R"({"token_type":"Bearer","expires_in":3599})"),
          std::string(R"({"access_token":""})"), std::string(R"({"access_token":null})"),
          std::string(R"({"access_token":5})"), std::string(R"({"access_token":"a b"})"),
          std::string(R"({"access_token":"a\r\nX-Injected: 1"})"),
          std::string(R"({"access_token":"caf\u00e9"})"), std::string(R"({"access_token":"t")"),
          std::string(R"(["t"])")}) {
        CAPTURE(body);
        CHECK(failure_of(http(200, body)).code() == hk::errc::invalid_token_response);
    }
}

TEST_CASE("a token answer over 64 KiB is refused")
{
    CHECK(failure_of(http(200, token_json(std::string(70'000, 't')))).code() == hk::errc::body_too_large);
    one_authority fine(script().serve(http(200, token_json(std::string(8'000, 't')))));
    CHECK(fine.call().good());
}

TEST_CASE("an authority that says nothing, half of it, or garbage is an error that names the call")
{
    for (std::string const& bytes :
         {std::string(), http(200, token_json("t")).substr(0, 80), std::string("HTTP/1.1 200 OK\r\n")}) {
        CAPTURE(bytes);
        CHECK(failure_of(bytes).code() == hk::errc::connection_lost);
    }
    CHECK(failure_of("garbage\r\n\r\n").code() == hk::errc::bad_status_line);
    CHECK(failure_of(http(503, "{}")).code() == hk::errc::service_failed);
    CHECK(failure_of(http(429, "{}")).code() == hk::errc::throttled);
    CHECK(failure_of(http(302, "", "Location: https://evil.example/\r\n")).code() == hk::errc::redirected);
}

TEST_CASE("a token request is repeated as the client's policy says")
{
    scripted_server const authority(script().serve(http(503, "{}", "Connection: close\r\n")));
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(service.endpoint()).credential(secret_at(authority)).retry(quickly(4)));
    hk::error const failure = run(io, client.topics()).error();
    CHECK(failure.code() == hk::errc::service_failed);
    CHECK(failure.info().retriable());
    CHECK(authority.requests().size() == 5);
}

TEST_CASE("an authority with a wrong certificate never sees the secret")
{
    scripted_server const authority(script().serve(http(200, token_json("t"))), certificate::untrusted);
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    CHECK(run(io, client.topics()).code() == hk::errc::certificate_refused);
    CHECK(authority.requests().empty());
}

TEST_CASE("the lifetime may be written as text or as a time of day, or be missing")
{
    for (std::string const rest :
         {R"("expires_in":"3599")", R"("expires_in":3599,"refresh_in":"1800")",
          R"("expires_on":"4102444800")", R"("expires_on":4102444800)", R"("token_type":"Bearer")"}) {
        CAPTURE(rest);
        one_authority peer(script().serve(http(200, R"({"access_token":"t",)" + rest + "}")).forever());
        CHECK(peer.call().good());
        CHECK(peer.call().good());
        CHECK(peer.authority.requests().size() == 1);
    }
}

TEST_CASE("a token that has expired is not used")
{
    one_authority peer(script().serve(http(200, R"({"access_token":"t","expires_in":0})")).forever());
    CHECK(peer.call().good());
    CHECK(peer.call().good());
    CHECK(peer.authority.requests().size() == 2);
}

TEST_CASE("a token that is due is renewed in the background while it still serves")
{
    gate const renewed;
    std::vector<script> scripts(
        1, script()
               .serve(http(200, R"({"access_token":"old","expires_in":3599,"refresh_in":1})"))
               .read()
               .await(renewed)
               .send(http(200, token_json("new")))
               .stall());
    scripted_server const authority(std::move(scripts));
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    // Due after a second at the latest. No call waits for it, and the token serves for an hour.
    do {
        ending<names> end;
        start(io.get_executor(), client.topics(), end);
        work_until(io, [&] { return end.happened(); });
        CHECK(end.good());
    } while (authority.requests().size() < 2);
    ending<names> another;
    start(io.get_executor(), client.topics(), another);
    work_until(io, [&] { return another.happened(); });
    CHECK(another.good());
    renewed.open();
    io.restart();
    io.run(); // ends with the renewal
    CHECK(run(io, client.topics()).good());
    auto const served = service.requests();
    REQUIRE(served.size() >= 3);
    CHECK(served[served.size() - 2].field("authorization") == "Bearer old");
    CHECK(served.back().field("authorization") == "Bearer new");
}

TEST_CASE("a renewal that fails does not fail the calls that the old token serves")
{
    scripted_server const authority(
        script()
            .serve(http(200, R"({"access_token":"old","expires_in":3599,"refresh_in":1})"))
            .serve(http(400, R"({"error":"invalid_client"})"))
            .stall());
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    while (authority.requests().size() < 2)
        CHECK(run(io, client.topics()).good());
    for (int i = 0; i < 4; ++i)
        CHECK(run(io, client.topics()).good());
    CHECK(authority.requests().size() == 2); // and is not tried again at once
}

TEST_CASE("a token that the service refuses is replaced once, and the call repeated")
{
    auto const judge = [](seen_request const& request) {
        bool const fresh = request.field("authorization") == "Bearer token-2";
        return fresh ? answer : http(401, R"({"message":"expired"})");
    };
    int issued = 0;
    auto const issue = [&issued](seen_request const&) {
        return http(200, token_json("token-" + std::to_string(++issued)));
    };
    one_authority peer(script().read().answer(issue).forever(), script().read().answer(judge).forever());
    CHECK(peer.call().good());
    CHECK(peer.authority.requests().size() == 2);
    auto const served = peer.service.requests();
    REQUIRE(served.size() == 2);
    CHECK(served[0].field("x-ms-client-request-id") == served[1].field("x-ms-client-request-id"));
}

TEST_CASE("a produce that was refused with 401 is repeated with a new token")
{
    auto const judge = [](seen_request const& request) {
        bool const fresh = request.field("authorization") == "Bearer token-2";
        return http(fresh ? 200 : 401, fresh ? R"("done")" : "{}");
    };
    int issued = 0;
    auto const issue = [&issued](seen_request const&) {
        return http(200, token_json("token-" + std::to_string(++issued)));
    };
    one_authority peer(script().read().answer(issue).forever(), script().read().answer(judge).forever());
    auto const end = run(peer.io, peer.client.produce("orders", hk::records("v")));
    REQUIRE(end.good());
    CHECK(end.get().value().persisted() == hk::persistence::done);
    auto const served = peer.service.requests();
    REQUIRE(served.size() == 2);
    CHECK(served[0].body == served[1].body);
}

TEST_CASE("a second 401 is reported, after one new token and no more")
{
    one_authority peer(script().serve(http(200, token_json("token"))).forever(),
                       script().serve(http(401, R"({"message":"not you"})")).forever());
    hk::error const failure = peer.call().error();
    CHECK(failure.code() == hk::errc::unauthorized);
    CHECK(failure.info().server_message == "not you");
    CHECK_FALSE(failure.info().retriable());
    check_what(failure, "topics");
    CHECK(peer.authority.requests().size() == 2);
    CHECK(peer.service.requests().size() == 2);
}

TEST_CASE("a thousand coroutines on four threads ask for one token together")
{
    scripted_server const authority(script().serve(http(200, token_json("token"))).forever());
    scripted_server const service(script().serve(answer).forever());
    std::atomic<int> good = 0;
    {
        net::thread_pool threads(4);
        hk::client const client(threads.get_executor(),
                                options_for(service.endpoint()).credential(secret_at(authority)));
        for (int i = 0; i < 1000; ++i)
            net::co_spawn(threads, hk::as_result(client.topics()),
                          [&good](std::exception_ptr, hk::result<names> const& end) { good += bool(end); });
        threads.join();
    }
    CHECK(good == 1000);
    CHECK(authority.requests().size() == 1);
    CHECK(service.connections() <= 16);
}

TEST_CASE("a refused token is replaced once however many calls it was refused to")
{
    auto const judge = [](seen_request const& request) {
        return request.field("authorization") == "Bearer token-1" ? http(401, "{}") : answer;
    };
    std::atomic<int> issued = 0;
    auto const issue = [&issued](seen_request const&) {
        return http(200, token_json("token-" + std::to_string(++issued)));
    };
    scripted_server const authority(script().read().answer(issue).forever());
    scripted_server const service(script().read().answer(judge).forever());
    std::atomic<int> good = 0;
    {
        net::thread_pool threads(4);
        hk::client const client(threads.get_executor(),
                                options_for(service.endpoint()).credential(secret_at(authority)));
        for (int i = 0; i < 200; ++i)
            net::co_spawn(threads, hk::as_result(client.topics()),
                          [&good](std::exception_ptr, hk::result<names> const& end) { good += bool(end); });
        threads.join();
    }
    CHECK(good == 200);
    CHECK(authority.requests().size() == 2);
}

TEST_CASE("all who wait for a token that is refused get the same error from one request")
{
    gate const all_wait;
    scripted_server const authority(
        script().read().await(all_wait).send(http(401, R"({"error":"invalid_client"})")).stall());
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    std::deque<ending<names>> ends;
    for (int i = 0; i < 1000; ++i)
        start(io.get_executor(), client.topics(), ends.emplace_back());
    work_until(io, [&] { return authority.requests().size() == 1; });
    while (io.poll() != 0) {
    }
    all_wait.open();
    io.restart();
    io.run();
    std::string const what = ends[0].error().what();
    for (auto const& end : ends) {
        CHECK(end.code() == hk::errc::token_refused);
        CHECK(end.error().info().server_code == "invalid_client");
        CHECK(end.error().what() == what);
    }
    CHECK(authority.requests().size() == 1);
    CHECK(service.connections() == 0);
}

TEST_CASE("one who stops waiting for the token disturbs nobody, not even the one who came first")
{
    gate const go_on;
    scripted_server const authority(
        script().read().await(go_on).send(http(200, token_json("token"))).stall());
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(service.endpoint()).credential(secret_at(authority)));
    running_call<names> first(io, client.topics());
    ending<names> hurried;
    start(io.get_executor(), client.topics(hk::call_options().timeout(20ms)), hurried);
    ending<names> patient;
    start(io.get_executor(), client.topics(), patient);
    work_until(io, [&] { return authority.requests().size() == 1 && hurried.happened(); });
    CHECK(hurried.code() == hk::errc::timed_out);
    first.cancel();
    CHECK(first.end.code() == net::error::operation_aborted);
    go_on.open();
    io.restart();
    io.run();
    CHECK(patient.good());
    CHECK(authority.requests().size() == 1);
}

TEST_CASE("clients that are given the same credential share its token")
{
    scripted_server const authority(script().serve(http(200, token_json("token"))).forever());
    scripted_server const service(script().serve(answer).forever());
    hk::credential const shared = secret_at(authority);
    for (int i = 0; i < 3; ++i) {
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(service.endpoint()).credential(shared));
        CHECK(run(io, client.topics()).good());
    }
    CHECK(authority.requests().size() == 1);
}

TEST_CASE("a bearer token is used as it is; one that no field may hold is told before anything is sent")
{
    scripted_server const server(script().serve(http(401, "{}")).forever());
    net::io_context io;
    hk::client const fine(io.get_executor(), options_for(server.endpoint()));
    hk::error const refused = run(io, fine.topics()).error();
    CHECK(refused.code() == hk::errc::unauthorized);
    check_what(refused, "topics");
    CHECK(server.requests().size() == 1); // there is no other token to try
    for (std::string const bad : {"", "a\r\nX-Injected: 1", "a\nb", "a b", "caf\xC3\xA9", "tab\tbed"}) {
        CAPTURE(bad);
        hk::client const client(io.get_executor(),
                                options_for(server.endpoint()).credential(hk::bearer_token(bad)));
        hk::error const failure = run(io, client.topics()).error();
        CHECK(failure.code() == hk::errc::invalid_option);
        check_what(failure, "topics");
        CHECK((bad.empty() || std::string(failure.what()).find(bad) == std::string::npos));
    }
    hk::client const nobody(io.get_executor(), options_for(server.endpoint()).credential(hk::credential()));
    hk::error const none = run(io, nobody.topics()).error();
    CHECK(none.code() == hk::errc::no_credential);
    check_what(none, "topics");
    CHECK(server.connections() == 1);
}

TEST_CASE("a callback's tokens are used, cached and renewed after 401")
{
    auto const judge = [](seen_request const& request) {
        return request.field("authorization") == "Bearer mine-1" ? http(401, "{}") : answer;
    };
    scripted_server const server(script().read().answer(judge).forever());
    int calls = 0;
    auto const mine = [&calls]() -> net::awaitable<hk::access_token> {
        co_return hk::access_token("mine-" + std::to_string(++calls));
    };
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).credential(hk::token_callback(mine)));
    CHECK(run(io, client.topics()).good());
    CHECK(run(io, client.topics()).good());
    CHECK(calls == 2);
}

TEST_CASE("what a callback throws becomes the call's error")
{
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    auto const failure_of_callback = [&](std::function<net::awaitable<hk::access_token>()> function) {
        hk::client const client(io.get_executor(),
                                options_for(server.endpoint()).credential(hk::token_callback(function)));
        hk::error const failure = run(io, client.topics()).error();
        check_what(failure, "topics");
        return failure;
    };
    hk::error const standard = failure_of_callback([]() -> net::awaitable<hk::access_token> {
        throw std::runtime_error("the vault is closed");
        co_return hk::access_token();
    });
    CHECK(standard.code() == hk::errc::token_refused);
    CHECK(std::string(standard.what()).find("the vault is closed") != std::string::npos);
    hk::error const ours = failure_of_callback([]() -> net::awaitable<hk::access_token> {
        throw hk::error(hk::errc::connect_failed, "no way to the vault");
        co_return hk::access_token();
    });
    CHECK(ours.code() == hk::errc::connect_failed);
    // Not even an exception: a call that has failed, not one that asks for ever.
    hk::error const odd = failure_of_callback([]() -> net::awaitable<hk::access_token> {
        throw 42;
        co_return hk::access_token();
    });
    CHECK(odd.code() == hk::errc::token_refused);
    hk::error const empty = failure_of_callback(nullptr);
    CHECK(empty.code() == hk::errc::token_refused);
    hk::error const bad = failure_of_callback(
        []() -> net::awaitable<hk::access_token> { co_return hk::access_token("a\r\nb"); });
    CHECK(bad.code() == hk::errc::invalid_token_response);
    CHECK(server.connections() == 0);
}

TEST_CASE("a tenant, client id, secret or authority that cannot be is told by the first call")
{
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    auto const code_of = [&](hk::client_secret_credential who) {
        hk::client const client(io.get_executor(), options_for(server.endpoint()).credential(std::move(who)));
        hk::error const failure = run(io, client.topics()).error();
        check_what(failure, "topics");
        CHECK(std::string(failure.what()).find("s3cr3t") == std::string::npos);
        return failure.code();
    };
    for (std::string const tenant :
         {"", "a/b", "a b", "../x", "a?b", "a#b", "a%2Fb", "caf\xC3\xA9", "a\r\nb"}) {
        CAPTURE(tenant);
        CHECK(code_of(hk::client_secret_credential(tenant, "id", secret)) == hk::errc::invalid_option);
    }
    CHECK(code_of(hk::client_secret_credential("t", "", secret)) == hk::errc::invalid_option);
    CHECK(code_of(hk::client_secret_credential("t", "id", "")) == hk::errc::invalid_option);
    for (std::string const host :
         {"http://login.example", "https://", "https://a:b@login.example", "ftp://x"}) {
        CAPTURE(host);
        CHECK(code_of(hk::client_secret_credential("t", "id", secret).authority_host(host)) ==
              hk::errc::invalid_endpoint);
    }
    CHECK(server.connections() == 0);
}

TEST_CASE("AZURE_AUTHORITY_HOST is asked when the program names no authority")
{
    scripted_server const authority(script().serve(http(200, token_json("token"))).forever());
    scripted_server const elsewhere(script().serve(http(200, token_json("token"))).forever());
    scripted_server const service(script().serve(answer).forever());
    net::io_context io;
    for (std::string const& host :
         {authority.endpoint(), authority.endpoint() + "/", authority.endpoint().substr(8)}) {
        CAPTURE(host);
        // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs here that looks at the environment
        REQUIRE(setenv("AZURE_AUTHORITY_HOST", host.c_str(), 1) == 0);
        hk::client const client(
            io.get_executor(),
            options_for(service.endpoint()).credential(hk::client_secret_credential("t", "id", secret)));
        CHECK(run(io, client.topics()).good());
    }
    CHECK(authority.requests().size() == 3);
    hk::client const named(io.get_executor(),
                           options_for(service.endpoint()).credential(secret_at(elsewhere)));
    CHECK(run(io, named.topics()).good());
    CHECK(elsewhere.requests().size() == 1);
    REQUIRE(unsetenv("AZURE_AUTHORITY_HOST") == 0); // NOLINT(concurrency-mt-unsafe): as above
}
