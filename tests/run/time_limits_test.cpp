// time_limits: a call's deadline, and that of the phase it is in.
#include <hdikafka/detail/run/time_limits.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <system_error>

namespace {

using namespace std::chrono_literals;
namespace hk = hdikafka;
using hk::detail::steady_clock;

/// What only operations may do with it.
class limits : public hk::detail::time_limits
{
public:
    using time_limits::due;
    using time_limits::lift;
    using time_limits::look;
    using time_limits::stop_for;
    using time_limits::time_limits;
};

constexpr steady_clock::time_point start{1000s};
constexpr auto never = steady_clock::time_point::max();

} // namespace

TEST_CASE("the deadline ends the call when it is reached, and not before")
{
    limits call(start + 10s);
    CHECK(call.due() == start + 10s);
    CHECK(call.time_left(start) == 10s);
    call.look(start + 10s - 1ns);
    CHECK_FALSE(call.interrupted());
    call.look(start + 10s);
    CHECK(call.interrupted() == hk::errc::timed_out);
    CHECK(call.stopped() == hk::errc::timed_out);
    hk::error const told = call.interruption("waiting");
    CHECK(told.code() == hk::errc::timed_out);
    CHECK(told.cause().ends_with(" (while waiting)"));
}

TEST_CASE("the deadline can be moved either way, until it has ended the call")
{
    limits call(start + 10s);
    call.deadline(start + 20s);
    call.look(start + 15s);
    CHECK_FALSE(call.interrupted());
    call.deadline(start + 5s);
    CHECK(call.time_left(start + 15s) == -10s);
    call.look(start + 15s);
    call.deadline(start + 20s);
    CHECK(call.stopped() == hk::errc::timed_out);
}

TEST_CASE("a phase that is over interrupts with its cause, and the call goes on behind it")
{
    limits call(start + 100s);
    call.begin_phase(hk::errc::connect_timeout, 10s, start);
    CHECK(call.due() == start + 10s);
    call.look(start + 10s - 1ns);
    CHECK_FALSE(call.interrupted());
    call.look(start + 10s);
    CHECK(call.interrupted() == hk::errc::connect_timeout);
    CHECK_FALSE(call.stopped());
    call.extend_phase(10s, start + 10s); // too late
    call.look(start + 11s);
    CHECK(call.interrupted() == hk::errc::connect_timeout);
    call.begin_phase(hk::errc::idle_timeout, 10s, start + 11s);
    CHECK_FALSE(call.interrupted());
    call.look(start + 21s);
    CHECK(call.interrupted() == hk::errc::idle_timeout);
    call.end_phase();
    CHECK_FALSE(call.interrupted());
    CHECK(call.due() == start + 100s);
}

TEST_CASE("a phase that is extended lasts from then on, and no longer than the call")
{
    limits call(start + 30s);
    call.begin_phase(hk::errc::idle_timeout, 10s, start);
    call.extend_phase(10s, start + 9s);
    call.look(start + 10s);
    CHECK_FALSE(call.interrupted());
    CHECK(call.due() == start + 19s);
    call.extend_phase(60s, start + 10s);
    CHECK(call.due() == start + 30s);
    call.look(start + 70s);
    CHECK(call.interrupted() == hk::errc::timed_out); // both are over: the call's counts
}

TEST_CASE("the first cause for which a call must end is the one that counts")
{
    limits call(start + 10s);
    call.begin_phase(hk::errc::idle_timeout, 1s, start);
    call.look(start + 1s);
    call.stop_for(hk::errc::closed);
    CHECK(call.interrupted() == hk::errc::closed);
    call.stop_for(std::make_error_code(std::errc::operation_canceled));
    call.look(start + 10s);
    call.end_phase();
    CHECK(call.stopped() == hk::errc::closed);
}

TEST_CASE("once lifted nothing is due")
{
    limits call(start + 10s);
    call.begin_phase(hk::errc::idle_timeout, 1s, start);
    call.lift();
    CHECK(call.due() == never);
    call.look(start + 1h);
    CHECK_FALSE(call.interrupted());
}

TEST_CASE("a call whose time is over may be given more, unless it must end for another reason as well")
{
    limits late(start + 10s);
    late.begin_phase(hk::errc::idle_timeout, 1s, start);
    late.look(start + 10s);
    late.look(start + 10s);
    REQUIRE(late.stopped() == hk::errc::timed_out);
    CHECK(late.extend(start + 12s));
    CHECK_FALSE(late.interrupted());
    CHECK(late.due() == start + 12s);
    late.look(start + 12s);
    CHECK(late.stopped() == hk::errc::timed_out);

    limits in_time(start + 10s);
    CHECK(in_time.extend(start + 12s));
    CHECK(in_time.deadline() == start + 12s);

    limits cancelled(start + 10s);
    cancelled.stop_for(hk::errc::closed);
    CHECK_FALSE(cancelled.extend(start + 12s));
    CHECK(cancelled.stopped() == hk::errc::closed);

    limits both(start + 10s);
    both.look(start + 10s);
    both.stop_for(hk::errc::closed);
    CHECK_FALSE(both.extend(start + 12s));
}
