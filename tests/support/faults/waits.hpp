// The waits of a call outside of its own exchange, and all that can go wrong in each of them.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_WAITS_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_WAITS_HPP

#include "support/faults/steps.hpp"

#include <asio/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace test {

inline std::vector<ending_of_standstill> const cancelled_only{
    {"cancelled", trouble::cancellation, net::error::operation_aborted}};

/// One connection is allowed, and another call has it.
inline std::vector<fault> faults_of_the_pool()
{
    step_faults step("pool slot");
    auto const taken = [](fault& one) { return script().read().tell(one.taken).await(one.release); };
    fault& broken = step.fails("its holder's connection breaks", std::error_code());
    broken.service.push_back(taken(broken).reset());
    fault& freed = step.fails("its holder is done", std::error_code());
    freed.service.push_back(taken(freed).answer(good_answer).forever());
    for (fault& one : step.all)
        one.frees_early = true;
    auto ways = endings(idle_too_long);
    ways.erase(ways.begin()); // no limit of its own
    step.stands_still(ways, [&taken](fault& one) {
        one.service.push_back(taken(one).answer(good_answer).forever());
        one.goes_on = true;
    });
    for (fault& one : step.all) {
        one.other_first = true;
        one.one_connection = true;
        one.left_open = 1; // the holder's, or what it became
    }
    return step.all;
}

/// Another call asked for the token.
inline std::vector<fault> faults_of_a_shared_token()
{
    step_faults step("another's token");
    auto const taken = [](fault& one) { return script().read().tell(one.taken).await(one.release); };
    fault& broken = step.fails("its request breaks", hk::errc::connection_lost);
    broken.authority.push_back(taken(broken).reset());
    broken.frees_early = true;
    auto ways = endings(idle_too_long);
    ways.erase(ways.begin()); // that of the request ends the call that asked
    step.stands_still(ways, [&taken](fault& one) {
        one.authority.push_back(taken(one).answer(good_answer).forever());
        one.goes_on = true;
        one.left_open = 1;
    });
    for (fault& one : step.all) {
        one.other_first = true;
        one.asks_authority = true;
    }
    return step.all;
}

/// The service asks for a pause: a polite refusal, or an outage, which leaves a doubt about records.
inline std::vector<fault> faults_of_backing_off()
{
    step_faults step("back-off");
    for (int const status : {429, 503}) {
        std::string const after = "after " + std::to_string(status) + ": ";
        hk::errc const code = status == 429 ? hk::errc::throttled : hk::errc::service_failed;
        auto const pause = [status](std::string const& seconds) {
            return script().serve(
                http(status, "{}", "Connection: close\r\nRetry-After: " + seconds + "\r\n"));
        };
        // Longer than the minute that a call has: not even begun.
        step.fails(after + "ends past the deadline", code).service.push_back(pause("100"));
        step.stands_still(cancelled_only, [&](fault& one) {
            one.event = after + one.event;
            one.service.push_back(pause("30").tell(one.reached));
            one.resting = true;
        });
        for (fault& one : step.all)
            one.written = one.event.starts_with("after 503");
    }
    return step.all;
}

/// "Not there": an empty partition, no topics, no metadata. A creation finds that it was carried out before.
inline std::string nothing_yet(seen_request const& request)
{
    std::string const close = "Connection: close\r\n";
    auto const about = [&](std::string_view path) { return request.line.find(path) != std::string::npos; };
    if (about("/offsets/"))
        return http(200, "[]", close);
    if (about("/partitions/0"))
        return http(200, R"({"partition_id":0,"earliest_offset":0,"latest_offset":0})", close);
    if (about("GET /v1/metadata/topics "))
        return http(200, R"({"topics":[]})", close);
    return about("PUT ") ? http(409, "{}", close) : http(404, "{}", close);
}

/// Requests that an operation makes before its first pause.
inline std::size_t requests_before_pause(operation const& what)
{
    if (what.name == "wait_for_topic")
        return 1;
    return what.line.find("/offsets/") != std::string::npos ? 2 : 3;
}

inline std::vector<fault> faults_of_pausing(operation const& what)
{
    step_faults step("its own pause");
    auto ways = endings(idle_too_long);
    ways.erase(ways.begin());
    step.stands_still(ways, [&what](fault& one) {
        auto const answer = [release = one.release](seen_request const& request) {
            return release.is_open() ? good_answer(request) : nothing_yet(request);
        };
        bool const creates = what.name == "create_topic";
        if (creates) // its outcome unknown
            one.service.push_back(
                script().read().answer([release = one.release](seen_request const& request) {
                    return release.is_open() ? good_answer(request) : "";
                }));
        for (std::size_t i = one.service.size(); i != 16; ++i) {
            script asked = script().read().answer(answer);
            if (i + 1 == requests_before_pause(what))
                asked.tell(one.reached);
            one.service.push_back(asked);
        }
        one.resting = true;
    });
    return step.all;
}

/// All of them, for one operation.
inline std::vector<fault> all_waits(operation const& what)
{
    std::vector<fault> all;
    for (std::vector<fault> const& part :
         {faults_of_the_pool(), faults_of_a_shared_token(), faults_of_backing_off(), faults_of_pausing(what)})
        for (fault const& one : part)
            all.push_back(one);
    return all;
}

} // namespace test

#endif
