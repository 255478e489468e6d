// What the service says of itself, with and without a token.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace test;

namespace {

/// A service that answers each request like this, and a client of it.
class site
{
public:
    explicit site(script::reply answers, bool credential = true)
        : server(script().read().answer(std::move(answers)).forever()),
          client(io.get_executor(), options(server, credential))
    {}

    ending<std::string> status(hk::call_options const& call = {}) { return run(io, client.status(call)); }

    scripted_server server;
    net::io_context io;
    hk::client client;

private:
    static hk::client_options options(scripted_server const& server, bool credential)
    {
        auto out = options_for(server.endpoint());
        if (!credential)
            out.credential(hk::credential());
        return out;
    }
};

script::reply always(int status, std::string const& body)
{
    return [answer = http(status, body)](seen_request const&) { return answer; };
}

/// Wants a token.
std::string guarded(seen_request const& request)
{
    bool const known = request.field("authorization") == "Bearer " + std::string(token_text);
    return known ? http(200, R"("up")") : http(401, "{}");
}

} // namespace

TEST_CASE("the status is the answer's text, that of a JSON string decoded")
{
    struct
    {
        std::string body;
        std::string told;
    } const cases[] = {
        {R"("OK")", "OK"},
        {R"( "caf\u00e9 \"1\"" )", "caf\xC3\xA9 \"1\""},
        {"OK", "OK"},
        {"", ""},
        {R"("OK)", R"("OK)"},
        {R"("a" "b")", R"("a" "b")"},
        {R"({"status":"green"})", R"({"status":"green"})"},
        {"42", "42"},
    };
    for (auto const& one : cases) {
        CAPTURE(one.body);
        site service(always(200, one.body));
        CHECK(service.status().get().value() == one.told);
    }
    site garbled(always(200, "\xFF\xFE"));
    hk::error const failure = garbled.status().error();
    CHECK(failure.code() == hk::errc::invalid_response);
    check_what(failure, "status");
}

TEST_CASE("the status is asked for without a token, whether there is one or not")
{
    for (bool const credential : {false, true}) {
        CAPTURE(credential);
        site service(always(200, R"("up")"), credential);
        CHECK(service.status().get().value() == "up");
        auto const requests = service.server.requests();
        REQUIRE(requests.size() == 1);
        CHECK(requests[0].line == "GET /v1/status HTTP/1.1");
        CHECK(requests[0].field("authorization") == "(none)");
    }
}

TEST_CASE("a service that wants a token for its status gets it, once")
{
    site service(&guarded);
    CHECK(service.status().get().value() == "up");
    auto const requests = service.server.requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].field("authorization") == "(none)");
    CHECK(requests[0].field("x-ms-client-request-id") == requests[1].field("x-ms-client-request-id"));

    site named(&guarded);
    CHECK(named.status(hk::call_options().request_id("mine")).good());
    CHECK(named.server.requests().at(1).field("x-ms-client-request-id") == "mine");

    for (int const status : {401, 403}) {
        CAPTURE(status);
        site closed(always(status, "{}"));
        hk::error const failure = closed.status().error();
        CHECK(failure.info().http_status == status);
        check_what(failure, "status");
        CHECK(closed.server.requests().size() == 2);
    }
}

TEST_CASE("without a credential a refusal is the end")
{
    site service(&guarded, false);
    hk::error const failure = service.status().error();
    CHECK(failure.code() == hk::errc::unauthorized);
    check_what(failure, "status");
    CHECK(service.server.requests().size() == 1);
    CHECK(run(service.io, service.client.topics()).code() == hk::errc::no_credential);
}

TEST_CASE("a status fails as any call does")
{
    site broken(always(503, "{}"));
    CHECK(broken.status().code() == hk::errc::service_failed);
    CHECK(broken.server.requests().size() == 1);
    site late(always(200, "OK"));
    CHECK(late.status(hk::call_options().timeout(0ms)).code() == hk::errc::timed_out);
    CHECK(late.status(hk::call_options().request_id("a b")).code() == hk::errc::invalid_option);
    CHECK(late.server.requests().empty());
    late.client.close();
    CHECK(late.status().code() == hk::errc::closed);
}

TEST_CASE("the emulator has a status, for all or for those with a token")
{
    for (bool const guarded : {false, true}) {
        CAPTURE(guarded);
        emulated service(hk::emulator_options().quirks(hk::emulator_quirks().status_needs_token(guarded)));
        CHECK_FALSE(service.run(service->status()).value().empty());
        CHECK(service.emulator.token_requests() == (guarded ? 1 : 0));
    }
}
