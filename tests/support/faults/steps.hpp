// The steps of a call, and all that can go wrong at each of them.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_STEPS_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_STEPS_HPP

#include "support/faults/site.hpp"

#include <asio/error.hpp>

#include <string>
#include <utility>
#include <vector>

namespace test {

/// What ends a call that stands still, and with which code.
class ending_of_standstill
{
public:
    char const* event;
    trouble kind;
    std::error_code code;
};

inline std::vector<ending_of_standstill> endings(ending_of_standstill const& first)
{
    return {first,
            {"stalls, total_timeout", trouble::total_limit, hk::errc::timed_out},
            {"stalls, the call's timeout", trouble::call_limit, hk::errc::timed_out},
            {"cancelled", trouble::cancellation, net::error::operation_aborted}};
}

inline ending_of_standstill const connecting_too_long{"stalls, connect_timeout", trouble::connect_limit,
                                                      hk::errc::connect_timeout};
inline ending_of_standstill const idle_too_long{"stalls, idle_timeout", trouble::idle_limit,
                                                hk::errc::idle_timeout};

/// Makes the faults of one step.
class step_faults
{
public:
    explicit step_faults(std::string step) : step_(std::move(step)) {}

    /// Something that fails by itself.
    fault& fails(std::string event, std::error_code code)
    {
        fault& made = all.emplace_back();
        made.step = step_;
        made.event = std::move(event);
        made.code = code;
        return made;
    }

    /// A standstill, ended in each of these ways; `prepare(fault&)` brings it about.
    template <class Prepare>
    void stands_still(std::vector<ending_of_standstill> const& ways, Prepare prepare)
    {
        for (auto const& way : ways) {
            fault& made = fails(way.event, way.code);
            made.kind = way.kind;
            made.repeated = false;
            prepare(made);
        }
    }

    std::vector<fault> all;

private:
    std::string step_;
};

inline std::vector<fault> faults_of_resolving()
{
    step_faults step("resolve");
    step.fails("no such host", hk::errc::resolve_failed).lookups.emplace_back("");
    step.stands_still(endings(connecting_too_long), [](fault& one) {
        one.lookups.push_back(lookup("127.0.0.1").tell(one.reached).await(one.release));
        one.goes_on = true;
    });
    return step.all;
}

inline std::vector<fault> faults_of_connecting()
{
    step_faults step("connect");
    fault& refused = step.fails("refused", hk::errc::connect_failed);
    refused.needs_doors = true;
    refused.lookups.emplace_back(refusing_address);
    step.stands_still(endings(connecting_too_long), [](fault& one) {
        one.needs_doors = true;
        one.lookups.push_back(lookup(full_address).tell(one.reached));
    });
    return step.all;
}

inline std::vector<fault> faults_of_handshake()
{
    step_faults step("TLS handshake");
    // The client's first message is read: a connection reset at once may not even look connected.
    script const begun = script().without_handshake().taste();
    step.fails("reset", hk::errc::connection_lost).service.push_back(script(begun).reset());
    step.fails("closed", hk::errc::connection_lost).service.push_back(begun);
    fault& other = step.fails("no TLS", hk::errc::tls_failed);
    other.service.push_back(script(begun).send("HTTP/1.1 400 Bad Request\r\n\r\n").stall());
    other.repeated = false;
    step.stands_still(endings(connecting_too_long), [&begun](fault& one) {
        one.service.push_back(script(begun).tell(one.reached).stall());
    });
    return step.all;
}

inline std::vector<fault> faults_of_token_request()
{
    step_faults step("token request");
    fault& refused = step.fails("connection refused", hk::errc::connect_failed);
    refused.needs_doors = true;
    refused.authority_lookups.emplace_back(refusing_address);
    step.fails("reset", hk::errc::connection_lost).authority.push_back(script().read().reset());
    step.fails("closed", hk::errc::connection_lost).authority.push_back(script().read());
    step.fails("cut below TLS", hk::errc::truncated).authority.push_back(script().read().fin());
    fault& unwelcome = step.fails("answered with 401", hk::errc::token_refused);
    unwelcome.authority.push_back(
        script().serve(http(401, R"({"error":"invalid_client"})", "Connection: close\r\n")));
    unwelcome.repeated = false;
    // Whoever leaves disturbs nobody: the request goes on, and the next call has its token.
    step.stands_still(endings(idle_too_long), [](fault& one) {
        one.authority.push_back(
            script().read().tell(one.reached).await(one.release).answer(good_answer).forever());
        one.goes_on = one.kind != trouble::idle_limit;
        one.left_open = one.goes_on ? 1 : 0;
    });
    for (fault& one : step.all)
        one.asks_authority = true;
    return step.all;
}

/// Faults of a step that the server's `begun` leads to.
inline std::vector<fault> faults_of_exchange(std::string name, script const& begun, bool deaf)
{
    step_faults step(std::move(name));
    step.fails("reset", hk::errc::connection_lost).service.push_back(script(begun).reset());
    step.fails("closed", hk::errc::connection_lost).service.push_back(begun);
    // A server that does not read either cannot be told from one that resets.
    if (!deaf)
        step.fails("cut below TLS", hk::errc::truncated).service.push_back(script(begun).fin());
    step.stands_still(endings(idle_too_long), [&begun, deaf](fault& one) {
        script doing = script(begun).tell(one.reached);
        one.service.push_back(deaf ? doing.deaf() : doing.stall());
    });
    for (fault& one : step.all) {
        one.written = true;
        one.arrived = !deaf;
    }
    return step.all;
}

inline std::vector<fault> faults_of_writing()
{
    auto all = faults_of_exchange("write", script().taste(), true);
    for (fault& one : all)
        one.large = true;
    return all;
}

inline std::vector<fault> faults_of_reading_the_header()
{
    return faults_of_exchange("read, header", script().read().send("HTTP/1.1 200 OK\r\nContent-"), false);
}

inline std::vector<fault> faults_of_reading_the_body()
{
    std::string const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"topics\":[";
    return faults_of_exchange("read, body", script().read().send(half), false);
}

/// Steps that no attempt can do without.
inline std::vector<fault> all_faults()
{
    std::vector<fault> all;
    for (auto const part :
         {&faults_of_resolving, &faults_of_connecting, &faults_of_handshake, &faults_of_token_request,
          &faults_of_writing, &faults_of_reading_the_header, &faults_of_reading_the_body})
        for (fault& one : part())
            all.push_back(std::move(one));
    return all;
}

} // namespace test

#endif
