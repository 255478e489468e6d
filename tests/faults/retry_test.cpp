// Every operation, at every step of an attempt that fails, when a second attempt is allowed: it is made when
// that can do no harm, and the peer receives what it should and nothing twice.
#include "support/faults/bench.hpp"
#include "support/faults/steps.hpp"
#include "support/faults/table.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace test;

namespace {

std::vector<operation> operations_and_doubles()
{
    std::vector<operation> all = all_operations();
    for (operation const& one : all_operations())
        if (one.records) {
            operation& again = all.emplace_back(one);
            again.name += ", at least once";
            again.at_least_once = true;
        }
    return all;
}

/// Whether a second attempt is made, and comes to a good end.
bool is_repeated(operation const& what, fault const& which)
{
    return which.repeated && (!what.records || !which.written || what.at_least_once);
}

bool alike(seen_request const& one, seen_request const& other)
{
    return one.head == other.head && one.body == other.body;
}

/// The first call's requests, without those of the call after it.
std::string received(std::vector<seen_request> const& requests, std::size_t count)
{
    if (count < 2)
        return count == 0 ? "nothing" : "1 request";
    return std::to_string(count) + (alike(requests[0], requests[1]) ? " requests, alike" : " requests");
}

hk::persistence doubt(bool doubtful) { return doubtful ? hk::persistence::possibly : hk::persistence::none; }

} // namespace

TEST_CASE("after a failing step everything but a produce that was written is tried once more, and is good")
{
    auto const operations = operations_and_doubles();
    auto const faults = all_faults();
    fault_table table("A second attempt is allowed: every operation, at every step that fails",
                      {"step", "event", "error", "persisted", "the peer received", "next call"},
                      names_of(operations));
    for (std::size_t i = 0; i != faults.size(); ++i)
        for (operation const& what : operations) {
            if (faults[i].kind != trouble::failure || (faults[i].asks_authority && !what.needs_token))
                continue;
            fault const which = std::move(all_faults()[i]); // its gates are for one call
            CAPTURE(what.name);
            CAPTURE(which.step);
            CAPTURE(which.event);
            aftermath const seen = bench(what, which, 0ms, quickly(1)).run();
            bool const good = is_repeated(what, which);
            CHECK(seen.end.code() == (good ? std::error_code() : which.code));
            if (seen.end.good()) {
                CHECK(seen.end.get().value() == what.good);
            } else {
                hk::error const failure = seen.end.error();
                CHECK(failure.info().persisted() == doubt(what.records && which.written));
                check_what(failure, what.reported, what.topic);
            }

            std::size_t const first = which.arrived ? 1 : 0;
            std::size_t const sent = first + (good ? what.requests : 0);
            std::size_t const in_next = good ? what.requests_again : what.requests;
            REQUIRE(seen.requests.size() == sent + in_next);
            CHECK(seen.requests[0].line.starts_with(what.line));
            if (which.arrived && good)
                CHECK(alike(seen.requests[0], seen.requests[1]));
            std::string const& next = good ? what.good_again : what.good;
            CHECK(seen.next_works(next));
            CHECK(seen.at_rest);
            CHECK(seen.left_at_end == 0);
            CHECK(seen.forgotten);
            table.add(what.name, {which.step, which.event, name_of(seen.end.code()),
                                  seen.end.good() ? "-" : name_of(seen.end.error().info().persisted()),
                                  received(seen.requests, sent), seen.next_works(next) ? "works" : "fails"});
        }
    table.print();
}

namespace {

/// How one attempt at a produce ends.
class attempt
{
public:
    std::string name;
    script doing;
    std::error_code code;
    bool doubtful; ///< The records may be there.
    bool unsent;   ///< Nothing of the request was written.
};

std::vector<attempt> attempts()
{
    std::string const close = "Connection: close\r\n";
    return {
        {"TLS handshake closed", script().without_handshake().taste(), hk::errc::connection_lost, false,
         true},
        {"answered with 429", script().serve(http(429, "{}", close)), hk::errc::throttled, false, false},
        {"answered with 503", script().serve(http(503, "{}", close)), hk::errc::service_failed, true, false},
        {"no answer", script().read(), hk::errc::connection_lost, true, false},
        {"half an answer", script().serve("HTTP/1.1 200 OK\r\nContent-Le"), hk::errc::connection_lost, true,
         false},
    };
}

} // namespace

TEST_CASE("a doubt about records stays, whatever the attempts after it come to")
{
    for (attempt const& first : attempts())
        for (attempt const& second : attempts())
            for (bool const at_least_once : {true, false}) {
                CAPTURE(first.name);
                CAPTURE(second.name);
                CAPTURE(at_least_once);
                scripted_server const server(std::vector<script>{first.doing, second.doing, good_script()});
                net::io_context io;
                auto const policy = quickly(1).at_least_once(at_least_once);
                hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(policy));
                auto const end = run(io, client.produce("orders", hk::records("v")));
                bool const twice = at_least_once || !first.doubtful;
                // Those of which nothing was written have a count of their own.
                bool const thrice =
                    twice && first.unsent != second.unsent && (at_least_once || !second.doubtful);
                CHECK(end.good() == thrice);
                if (thrice) {
                    CHECK(server.connections() == 3);
                    continue;
                }
                hk::error const failure = end.error();
                CHECK(failure.code() == (twice ? second.code : first.code));
                CHECK(failure.info().persisted() == doubt(first.doubtful || (twice && second.doubtful)));
                CHECK(server.connections() == (twice ? 2 : 1));
                check_what(failure, "produce", "orders");
            }
}
