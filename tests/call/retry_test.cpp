// Pure decisions: whether and when to repeat, and how long a server asks to wait.
#include <hdikafka/detail/call/retry.hpp>
#include <hdikafka/detail/http/retry_after.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using namespace std::chrono_literals;
using hk::milliseconds;

namespace {

constexpr milliseconds for_ever = milliseconds::max();
constexpr double almost_one = 1 - 1e-9;
constexpr std::chrono::sys_days today = std::chrono::year(2026) / 11 / 23;

attempt_outcome answered(int status, bool bytes_written = true)
{
    attempt_outcome out;
    out.status = status;
    out.bytes_written = bytes_written;
    return out;
}

attempt_outcome failed(std::error_code code, bool bytes_written)
{
    attempt_outcome out;
    out.code = code;
    out.bytes_written = bytes_written;
    return out;
}

bool repeated(repeatable kind, attempt_outcome const& outcome, hk::retry_policy const& policy = {})
{
    return decide_retry(policy, kind, outcome, 0, 0.5, for_ever).has_value();
}

/// The longest wait before retry number `retries + 1`.
milliseconds longest(hk::retry_policy const& policy, int retries, double random = almost_one)
{
    auto const delay = decide_retry(policy, repeatable::freely, answered(503), retries, random, for_ever);
    REQUIRE(delay);
    return *delay;
}

/// Reads a wait out of fields, at 08:49:37.250 on 6 November 1994.
std::optional<milliseconds> wait_in(std::map<std::string, std::string, std::less<>> const& fields)
{
    auto const now = std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s + 250ms;
    auto const field = [&fields](std::string_view name) -> std::optional<std::string_view> {
        auto const found = fields.find(name);
        return found == fields.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    };
    return parse_retry_after(field, now);
}

} // namespace

TEST_CASE("reads, creations and deletions are repeated after every failure that may pass")
{
    for (int const status : {408, 429, 500, 502, 503, 504}) {
        CAPTURE(status);
        CHECK(repeated(repeatable::freely, answered(status)));
    }
    using enum hk::errc;
    for (hk::errc const code :
         {connect_timeout, idle_timeout, resolve_failed, connect_failed, connection_lost, truncated}) {
        CAPTURE(static_cast<int>(code));
        CHECK(repeated(repeatable::freely, failed(code, false)));
        CHECK(repeated(repeatable::freely, failed(code, true)));
    }
}

TEST_CASE("nothing is repeated after an answer that would be the same again")
{
    for (int const status : {200, 301, 400, 401, 403, 404, 405, 409, 413, 501, 505}) {
        CAPTURE(status);
        CHECK_FALSE(repeated(repeatable::freely, answered(status)));
        CHECK_FALSE(repeated(repeatable::unsent, answered(status)));
        CHECK_FALSE(repeated(repeatable::unsent, answered(status), hk::retry_policy().at_least_once(true)));
    }
}

TEST_CASE("a refused certificate, bad framing and the caller's own end are never repeated")
{
    using enum hk::errc;
    std::vector<std::error_code> codes = {std::make_error_code(std::errc::operation_canceled)};
    for (hk::errc const code :
         {certificate_refused, host_mismatch, bad_status_line, bad_field, bad_content_length,
          bad_transfer_encoding, ambiguous_framing, bad_chunk, unexpected_upgrade, field_too_long,
          body_too_large, unsupported_coding, timed_out, closed, invalid_response, token_refused})
        codes.push_back(code);
    for (auto const code : codes) {
        CAPTURE(code.message());
        for (bool const written : {false, true}) {
            CHECK_FALSE(repeated(repeatable::freely, failed(code, written)));
            CHECK_FALSE(
                repeated(repeatable::unsent, failed(code, written), hk::retry_policy().at_least_once(true)));
        }
    }
}

TEST_CASE("a produce is repeated only when nothing was written or the service refused it")
{
    using enum hk::errc;
    for (hk::errc const code :
         {connect_timeout, idle_timeout, resolve_failed, connect_failed, connection_lost, truncated}) {
        CAPTURE(static_cast<int>(code));
        CHECK(repeated(repeatable::unsent, failed(code, false)));
        CHECK_FALSE(repeated(repeatable::unsent, failed(code, true)));
    }
    CHECK(repeated(repeatable::unsent, answered(429)));
    for (int const status : {408, 500, 502, 503, 504}) {
        CAPTURE(status);
        CHECK_FALSE(repeated(repeatable::unsent, answered(status)));
    }
}

TEST_CASE("of an attempt that said nothing yet, nothing was written")
{
    attempt_outcome fresh;
    CHECK_FALSE(fresh.bytes_written);
    fresh.code = hk::errc::connect_failed;
    CHECK(repeated(repeatable::unsent, fresh));
}

TEST_CASE("a produce that may be there twice is repeated like a read")
{
    auto const twice = hk::retry_policy().at_least_once(true);
    for (int const status : {408, 429, 500, 502, 503, 504})
        CHECK(repeated(repeatable::unsent, answered(status), twice));
    CHECK(repeated(repeatable::unsent, failed(hk::errc::connection_lost, true), twice));
    CHECK(repeated(repeatable::unsent, failed(hk::errc::idle_timeout, true), twice));
}

TEST_CASE("after the last retry there is none")
{
    for (int const most : {0, 1, 3}) {
        auto const policy = hk::retry_policy().max_retries(most);
        for (int made = 0; made < 6; ++made)
            CHECK(decide_retry(policy, repeatable::freely, answered(503), made, 0.5, for_ever).has_value() ==
                  (made < most));
    }
}

TEST_CASE("the longest wait is 800 ms, doubled for each retry, up to a minute")
{
    auto const policy = hk::retry_policy().max_retries(20);
    milliseconds expected = 800ms;
    for (int retries = 0; retries < 20; ++retries) {
        milliseconds const wait = longest(policy, retries);
        CAPTURE(retries);
        CHECK(wait <= expected);
        CHECK(wait >= expected - 1ms);
        expected = std::min<milliseconds>(expected * 2, 60s);
    }
}

TEST_CASE("half of a wait is certain, and the rest is drawn evenly")
{
    hk::retry_policy const policy;
    CHECK(longest(policy, 0, 0) == 400ms);
    CHECK(longest(policy, 0, 0.25) == 500ms);
    CHECK(longest(policy, 0, 0.5) == 600ms);
    CHECK(longest(policy, 2, 0) == 1600ms);
    CHECK(longest(policy, 2, 0.5) == 2400ms);
}

TEST_CASE("where nothing was written, retries go on for as long as the deadline allows")
{
    for (auto const code : {hk::errc::connect_failed, hk::errc::connect_timeout, hk::errc::resolve_failed,
                            hk::errc::connection_lost}) {
        CAPTURE(static_cast<int>(code));
        for (auto const kind : {repeatable::freely, repeatable::unsent}) {
            CHECK(decide_retry({}, kind, failed(code, false), 1'000'000, 0.5, for_ever));
            CHECK_FALSE(decide_retry({}, kind, failed(code, true), 3, 0.5, for_ever));
        }
    }
    CHECK_FALSE(decide_retry({}, repeatable::freely, answered(503, false), 3, 0.5, for_ever));
}

TEST_CASE("a count that is set holds for all retries, unless there is another for those of which nothing was "
          "written")
{
    auto const made = [](hk::retry_policy const& policy, attempt_outcome const& outcome) {
        int retries = 0;
        while (decide_retry(policy, repeatable::freely, outcome, retries, 0.5, for_ever))
            ++retries;
        return retries;
    };
    auto const refused = failed(hk::errc::connect_failed, false);
    for (int const count : {0, 1, 7}) {
        CHECK(made(hk::retry_policy().max_retries(count), refused) == count);
        CHECK(made(hk::retry_policy().max_retries(count).max_unsent_retries(5), refused) == 5);
        CHECK(made(hk::retry_policy().max_retries(count).max_unsent_retries(5), answered(503)) == count);
    }
    CHECK(made(hk::retry_policy().max_unsent_retries(5), answered(503)) == 3);
}

TEST_CASE("a refused certificate and a wrong argument are not tried again, although nothing was written")
{
    for (auto const code : {hk::errc::certificate_refused, hk::errc::host_mismatch, hk::errc::tls_failed,
                            hk::errc::proxy_refused, hk::errc::invalid_option}) {
        CAPTURE(static_cast<int>(code));
        CHECK_FALSE(repeated(repeatable::freely, failed(code, false)));
        CHECK_FALSE(repeated(repeatable::unsent, failed(code, false)));
    }
}

TEST_CASE("where nothing was written no wait is longer than five seconds")
{
    auto const refused = failed(hk::errc::connect_failed, false);
    CHECK(decide_retry({}, repeatable::freely, refused, 20, 0, for_ever) == 2500ms);
    CHECK(decide_retry({}, repeatable::freely, refused, 20, almost_one, for_ever) == 4999ms);
    auto const shorter = hk::retry_policy().max_delay(2s);
    CHECK(decide_retry(shorter, repeatable::freely, refused, 20, 0, for_ever) == 1000ms);
}

TEST_CASE("where nothing was written, a wait that is longer than the time left is cut to half of that")
{
    auto const refused = failed(hk::errc::connect_failed, false);
    auto const wait = [&refused](milliseconds left) {
        return decide_retry({}, repeatable::unsent, refused, 20, 0.5, left);
    };
    CHECK(wait(3751ms) == 3750ms);
    CHECK(wait(3750ms) == 1875ms);
    CHECK(wait(1875ms) == 937ms);
    CHECK(wait(200ms) == 100ms);
    CHECK_FALSE(wait(199ms)); // too late for another look
    CHECK_FALSE(wait(0ms));
    CHECK_FALSE(wait(-1s));
    CHECK_FALSE(decide_retry({}, repeatable::freely, answered(503), 2, 0.5, 2s)); // it was answered
}

TEST_CASE("no policy makes a wait negative or overflow")
{
    for (milliseconds const base : {milliseconds::min(), -1ms, 0ms, 1ms, 800ms, milliseconds::max()})
        for (milliseconds const most : {milliseconds::min(), -1ms, 0ms, 1ms, 60'000ms, milliseconds::max()})
            for (int const retries : {0, 1, 30, 62, 63, 64, 1000})
                for (double const random : {0.0, 0.5, almost_one, 0x1.fffffffffffffp-1}) {
                    auto const policy = hk::retry_policy().base_delay(base).max_delay(most).max_retries(2000);
                    auto const delay =
                        decide_retry(policy, repeatable::freely, answered(503), retries, random, for_ever);
                    REQUIRE(delay);
                    CHECK(*delay >= 0ms);
                    CHECK(*delay <= std::max(most, 0ms));
                }
}

TEST_CASE("the wait is never shorter than the server asks for, also beyond the longest of our own")
{
    hk::retry_policy const policy;
    auto outcome = answered(429);
    for (milliseconds const asked : {0ms, 100ms, 5000ms, 90'000ms})
        for (double const random : {0.0, 0.5, almost_one}) {
            outcome.retry_after = asked;
            auto const delay = decide_retry(policy, repeatable::unsent, outcome, 0, random, for_ever);
            REQUIRE(delay);
            CHECK(*delay >= asked);
            CHECK(*delay <= std::max<milliseconds>(asked, 800ms));
        }
}

TEST_CASE("no wait goes past the call's deadline")
{
    hk::retry_policy const policy;
    auto const within = [&policy](attempt_outcome const& outcome, double random, milliseconds left) {
        return decide_retry(policy, repeatable::freely, outcome, 0, random, left).has_value();
    };
    CHECK(within(answered(503), 0.5, 601ms));
    CHECK_FALSE(within(answered(503), 0.5, 600ms)); // there would be no time left to try
    CHECK_FALSE(within(answered(503), 0.5, 599ms));
    CHECK(within(answered(503), 0.0, 401ms));
    CHECK_FALSE(within(answered(503), 0.0, 0ms));
    CHECK_FALSE(within(answered(503), 0.0, -5ms));
    auto asked = answered(429);
    asked.retry_after = 5s;
    CHECK(within(asked, 0.0, 5001ms));
    CHECK_FALSE(within(asked, 0.0, 5000ms));
}

TEST_CASE("Retry-After in seconds")
{
    CHECK(wait_in({{"retry-after", "0"}}) == 0ms);
    CHECK(wait_in({{"retry-after", "120"}}) == 120s);
    CHECK(wait_in({{"retry-after", "86400"}}) == 24h);
    CHECK(wait_in({{"retry-after", "86401"}}) == 24h);
    CHECK(wait_in({{"retry-after", "9223372036854775807"}}) == 24h);
    CHECK(wait_in({{"retry-after", "9223372036854775808"}}) == 24h);
    CHECK(wait_in({{"retry-after-ms", "99999999999999999999999"}}) == 24h);
}

TEST_CASE("Retry-After as an HTTP-date")
{
    CHECK(wait_in({{"retry-after", "Sun, 06 Nov 1994 08:49:38 GMT"}}) == 750ms);
    CHECK(wait_in({{"retry-after", "Sun, 06 Nov 1994 08:51:37 GMT"}}) == 119'750ms);
    CHECK(wait_in({{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}) == 0ms); // over
    CHECK(wait_in({{"retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"}}) == 0ms);
    CHECK(wait_in({{"retry-after", "Mon, 07 Nov 1994 12:00:00 GMT"}}) == 24h);
}

TEST_CASE("dates at the ends of the calendar do not overflow")
{
    CHECK(wait_in({{"retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"}}) == 24h);
    CHECK(wait_in({{"retry-after", "Sat, 01 Jan 0000 00:00:00 GMT"}}) == 0ms);
}

TEST_CASE("Azure's waits in milliseconds come before Retry-After")
{
    CHECK(wait_in({{"retry-after-ms", "1500"}}) == 1500ms);
    CHECK(wait_in({{"x-ms-retry-after-ms", "250"}}) == 250ms);
    CHECK(wait_in({{"retry-after", "2"}, {"retry-after-ms", "1500"}}) == 1500ms);
    CHECK(wait_in({{"retry-after", "2"}, {"x-ms-retry-after-ms", "1900"}}) == 1900ms);
    CHECK(wait_in({{"retry-after", "2"}, {"retry-after-ms", "soon"}}) == 2s);
    CHECK(wait_in({{"retry-after-ms", "9223372036854775807"}}) == 24h);
}

TEST_CASE("a wait that cannot be read is none")
{
    CHECK_FALSE(wait_in({}));
    for (char const* const text : {"",
                                   "-1",
                                   "-0",
                                   "+1",
                                   "1.5",
                                   " 1",
                                   "1 ",
                                   "1s",
                                   "0x1",
                                   "soon",
                                   "Sun, 06 Nov 1994 08:49:38",
                                   "Sun, 06 Nov 1994 08:49:38 CET",
                                   "Sun, 06 Nov 94 08:49:38 GMT",
                                   "Sun, 6 Nov 1994 08:49:38 GMT",
                                   "Sun, 31 Feb 1994 08:49:38 GMT",
                                   "Sun, 00 Nov 1994 08:49:38 GMT",
                                   "Sun, 06 Nix 1994 08:49:38 GMT",
                                   "Sun, 06 Nov 1994 24:00:00 GMT",
                                   "Sun, 06 Nov 1994 08:60:00 GMT",
                                   "Sun, 06 Nov 1994 08:49:61 GMT",
                                   "Sun, 06 Nov -994 08:49:38 GMT",
                                   "Sun, 06 Nov 1994 -8:49:38 GMT"}) {
        CAPTURE(text);
        CHECK_FALSE(wait_in({{"retry-after", text}}));
        CHECK_FALSE(wait_in({{"retry-after-ms", text}}));
    }
    CHECK_FALSE(wait_in({{"retry-after-ms", "Sun, 06 Nov 1994 08:49:38 GMT"}}));
}

TEST_CASE("a leap second is a second")
{
    CHECK(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", today) ==
          std::chrono::sys_days(std::chrono::year(2017) / 1 / 1));
    CHECK(parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT", today));
    CHECK_FALSE(parse_http_date("Wed, 29 Feb 2023 00:00:00 GMT", today));
}

TEST_CASE("the two obsolete forms of an HTTP-date are read as the usual one is")
{
    auto const moment = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", today);
    REQUIRE(moment);
    CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", today) == moment);
    CHECK(parse_http_date("Sun Nov  6 08:49:37 1994", today) == moment);
    CHECK(parse_http_date("Sun Nov 06 08:49:37 1994", today) == moment);
    for (char const* text :
         {"Sunday, 06-Nov-1994 08:49:37 GMT", "Sunday 06-Nov-94 08:49:37 GMT",
          "Sunday, 06-Nox-94 08:49:37 GMT", "Sunday, 31-Feb-94 08:49:37 GMT",
          "Sunday, 06-Nov-94 24:49:37 GMT", "Sun Nov    08:49:37 1994", "Sun Nov 31 08:49:37 1994",
          "Sun Nov  6 08:49:37 94", "Sun Nov  6 08:49:37 1994 GMT", "Sun ovD  6 08:49:37 1994"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_http_date(text, today));
    }
}

TEST_CASE("a year of two digits lies within the next fifty years or in the past")
{
    auto const year_of = [](char const* text) {
        std::chrono::year_month_day const date(
            std::chrono::floor<std::chrono::days>(*parse_http_date(text, today)));
        return static_cast<int>(date.year());
    };
    CHECK(year_of("Monday, 06-Nov-26 08:49:37 GMT") == 2026);
    CHECK(year_of("Friday, 06-Nov-76 08:49:37 GMT") == 2076);
    CHECK(year_of("Sunday, 06-Nov-77 08:49:37 GMT") == 1977);
    CHECK(year_of("Saturday, 06-Nov-99 08:49:37 GMT") == 1999);
}

TEST_CASE("a date is counted from the answer's own Date, whatever our clock says")
{
    // Ours is 6 November 1994, 08:49:37.250.
    auto const wait = [](std::string const& until, std::string const& date) {
        return wait_in({{"retry-after", until}, {"date", date}});
    };
    CHECK(wait("Sun, 06 Nov 1994 10:00:30 GMT", "Sun, 06 Nov 1994 10:00:00 GMT") == 30s);
    CHECK(wait("Fri, 01 Jan 2027 00:01:00 GMT", "Thu, 31 Dec 2026 23:59:50 GMT") == 70s);
    CHECK(wait("Sunday, 06-Nov-94 10:00:30 GMT", "Sun Nov  6 10:00:00 1994") == 30s);
    CHECK(wait("Sun, 06 Nov 1994 10:00:00 GMT", "Sun, 06 Nov 1994 10:00:05 GMT") == 0s);
    CHECK(wait("Mon, 07 Nov 1994 10:00:00 GMT", "Sun, 06 Nov 1994 10:00:00 GMT") == 24h);

    // Who has no Date, or one that is none, or one that is days away, is taken by our clock.
    std::string const soon = "Sun, 06 Nov 1994 08:49:40 GMT";
    CHECK(wait_in({{"retry-after", soon}}) == 2750ms);
    for (std::string const date :
         {"", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
          "Fri, 04 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT"}) {
        CAPTURE(date);
        CHECK(wait(soon, date) == 2750ms);
        CHECK(wait("Sun, 06 Nov 1994 08:49:30 GMT", date) == 0ms);
        CHECK(wait("Wed, 09 Nov 2044 08:49:37 GMT", date) == 24h);
    }
    // What is no date is not counted from any.
    CHECK(wait("30", "Thu, 01 Jan 1970 00:00:00 GMT") == 30s);
    CHECK(wait("soon", "Sun, 06 Nov 1994 10:00:00 GMT") == std::nullopt);
}

TEST_CASE("a request that met a connection just closed by the server is sent again at once, if that is safe")
{
    auto met = failed(hk::errc::connection_lost, true);
    CHECK_FALSE(hk::detail::reuse_race(met)); // on a fresh connection it says something about the server
    met.reused = true;
    CHECK(hk::detail::reuse_race(met));
    met.answered = true;
    CHECK_FALSE(hk::detail::reuse_race(met));
    auto silent = failed(hk::errc::idle_timeout, true);
    silent.reused = true;
    CHECK_FALSE(hk::detail::reuse_race(silent));
    CHECK(hk::detail::harmless({}, repeatable::freely, met));
    CHECK_FALSE(hk::detail::harmless({}, repeatable::unsent, met));
    CHECK(hk::detail::harmless(hk::retry_policy().at_least_once(true), repeatable::unsent, met));
    met.bytes_written = false;
    CHECK(hk::detail::harmless({}, repeatable::unsent, met));
}

TEST_CASE("what a server says on a connection that it had given up is no answer to the request that met it")
{
    auto met = failed(hk::errc::tls_failed, true);
    CHECK_FALSE(hk::detail::reuse_race(met));
    met.reused = true;
    CHECK(hk::detail::reuse_race(met));
    CHECK(hk::detail::perhaps_done(met));

    auto late = answered(408);
    CHECK_FALSE(hk::detail::reuse_race(late));
    CHECK(hk::detail::perhaps_done(late));
    late.reused = late.answered = true;
    CHECK_FALSE(hk::detail::reuse_race(late)); // who goes on with the connection did not give it up
    late.closes = true;
    CHECK(hk::detail::reuse_race(late));
    CHECK_FALSE(hk::detail::perhaps_done(late));
    CHECK(repeated(repeatable::unsent, late));
}

TEST_CASE("a server that refused the client had no request")
{
    auto met = failed(hk::errc::tls_failed, true);
    CHECK(hk::detail::perhaps_done(met));
    met.refused = true;
    CHECK_FALSE(hk::detail::perhaps_done(met));
    CHECK_FALSE(repeated(repeatable::unsent, met)); // for it would refuse again
    CHECK_FALSE(repeated(repeatable::freely, met));
}

TEST_CASE(
    "a node that is behind is asked again five times, after pauses that double, of which half is certain")
{
    for (int looks = 0; looks != 5; ++looks) {
        CAPTURE(looks);
        milliseconds const whole = 200ms * (1 << looks);
        CHECK(decide_second_look({}, looks, 0, for_ever) == whole / 2);
        CHECK(decide_second_look({}, looks, almost_one, for_ever) == whole - 1ms);
    }
    CHECK_FALSE(decide_second_look({}, 5, 0, for_ever));
}

TEST_CASE("a node that is behind is asked sooner by who is in a hurry, and not by who tries things once")
{
    CHECK(decide_second_look(hk::retry_policy().base_delay(10ms), 1, 0, for_ever) == 10ms);
    CHECK(decide_second_look(hk::retry_policy().base_delay(-1s), 1, 0.5, for_ever) == 0ms);
    CHECK(decide_second_look(hk::retry_policy().max_retries(1), 4, 0, for_ever));
    CHECK_FALSE(decide_second_look(hk::retry_policy().max_retries(0), 0, 0, for_ever));
    CHECK(decide_second_look({}, 0, 0, 101ms) == 100ms);
    CHECK_FALSE(decide_second_look({}, 0, 0, 100ms));
}
