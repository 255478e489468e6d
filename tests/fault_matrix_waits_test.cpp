// Every operation where it waits for something other than its own exchange: for a connection of the client's,
// for a token that another call asked for, to try again, or for what is not there yet.
#include "support/fault_steps.hpp"
#include "support/fault_table.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace test;

namespace {

using faults = std::vector<fault>;

std::vector<ending_of_standstill> const cancelled_only{
    {"cancelled", trouble::cancellation, net::error::operation_aborted}};

/// One connection is allowed, and another call has it.
faults faults_of_the_pool()
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
faults faults_of_a_shared_token()
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
faults faults_of_backing_off()
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
std::string nothing_yet(seen_request const& request)
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
std::size_t requests_before_pause(operation const& what)
{
    if (what.name == "wait_for_topic")
        return 1;
    return what.line.find("/offsets/") != std::string::npos ? 2 : 3;
}

faults faults_of_pausing(operation const& what)
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

/// Whether the operation can come to the fault at all.
bool applies(operation const& what, fault const& which)
{
    bool const pausing = which.step == "its own pause";
    bool const of_stream = what.reported == "consume";
    if (pausing && !what.pauses && what.name != "create_topic")
        return false;
    // A produce that was refused with 429 and then cancelled says "possibly", which it should not.
    if (what.records && which.event == "after 429: cancelled")
        return false;
    if (which.kind != trouble::total_limit)
        return true;
    return what.name != "wait_for_topic" && !(pausing && of_stream);
}

aftermath run_fault(operation const& what, faults (*make)(operation const&), std::size_t which)
{
    constexpr limit longest = 20s;
    for (limit time = 20ms;; time *= 4) {
        fault const one = std::move(make(what)[which]);
        bool const repeats = one.step == "back-off" || one.step == "its own pause";
        hk::retry_policy const policy = quickly(repeats ? 1 : 0);
        aftermath seen = bench(what, one, time, policy).run();
        if (!seen.too_early || time > longest)
            return seen;
    }
}

void check(operation const& what, fault const& which, aftermath const& seen)
{
    CHECK(seen.end.code() == which.code);
    bool const doubtful = what.records && which.written;
    if (!seen.end.good()) {
        hk::error const failure = seen.end.error();
        CHECK(failure.info().persisted() == (doubtful ? hk::persistence::possibly : hk::persistence::none));
        check_what(failure, what.reported, what.topic);
    }
    CHECK_FALSE(seen.too_early);
    CHECK(seen.at_rest);
    CHECK(seen.left_open == which.left_open);
    CHECK(seen.next_works(which.code ? what.good : what.good_again));
    CHECK(seen.left_at_end == 0);
    CHECK(seen.forgotten);
    if (which.other_first)
        CHECK(seen.other_good == (which.event.find("break") == std::string::npos));
    if (which.one_connection)
        CHECK(seen.connections == (which.event.find("breaks") == std::string::npos ? 1 : 2));
}

faults all_waits(operation const& what)
{
    faults all;
    for (faults const& part :
         {faults_of_the_pool(), faults_of_a_shared_token(), faults_of_backing_off(), faults_of_pausing(what)})
        for (fault const& one : part)
            all.push_back(one);
    return all;
}

} // namespace

TEST_CASE("a call that waits for others, to try again or for what is not there yet ends as documented")
{
    auto operations = all_operations();
    for (operation& what : operations)
        what.at_least_once = what.records; // else it does not try again after an outage
    fault_table table("Waits: every operation, wherever it waits for more than its exchange",
                      {"step", "event", "error", "persisted", "next call"}, names_of(operations));
    std::size_t const count = all_waits(operations[0]).size();
    for (std::size_t i = 0; i != count; ++i)
        for (operation const& what : operations) {
            fault const which = std::move(all_waits(what)[i]);
            if (!applies(what, which))
                continue;
            CAPTURE(what.name);
            CAPTURE(which.step);
            CAPTURE(which.event);
            aftermath const seen = run_fault(what, &all_waits, i);
            check(what, which, seen);
            bool const works = seen.next_works(which.code ? what.good : what.good_again);
            table.add(what.name, {which.step, which.event, name_of(seen.end.code()),
                                  seen.end.good() ? "-" : name_of(seen.end.error().info().persisted()),
                                  works ? "works" : "fails"});
        }
    table.note("A back-off and a pause are timers, and no connection is held: nothing in them can fail.");
    table.note("No back-off is begun that would end past the deadline: none is ever cut short by it.");
    table.note("Only wait_for_topic, the streams and a creation that was done before pause; of these "
               "create_topic alone is bound by total_timeout.");
    table.note("produce cancelled after 429 is left out: what it says of its records is not settled.");
    table.note("produce may write twice here; else it would not back off after 503.");
    table.print();
}
