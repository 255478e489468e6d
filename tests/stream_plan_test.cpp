// What a stream does next, step by step, and over pretend logs that are made at random.
#include <hdikafka/detail/stream_plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace hk = hdikafka;
using hdikafka::detail::stream_action;
using hdikafka::detail::stream_plan;
using namespace std::chrono_literals;
using hk::milliseconds;

namespace {

constexpr std::int64_t max_offset = std::numeric_limits<std::int64_t>::max();

hk::partition_info marks(std::int64_t earliest, std::int64_t latest)
{
    hk::partition_info out;
    out.earliest_offset = earliest;
    out.latest_offset = latest;
    return out;
}

/// The plan wants to read there, that many.
bool reads(stream_plan& plan, std::int64_t offset, std::int32_t count)
{
    return plan.next() == stream_action::read && plan.offset() == offset && plan.count() == count;
}

/// Answers the read with records [first, end) and takes them.
void hand_over(stream_plan& plan, std::int64_t first, std::int64_t end)
{
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(first, end);
    REQUIRE(plan.next() == stream_action::deliver);
    plan.delivered(end);
}

/// Answers the read with nothing; then the watermarks are these.
void nothing(stream_plan& plan, std::int64_t next, hk::partition_info const& seen)
{
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(std::nullopt, next);
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(seen);
}

bool failed_with(stream_plan& plan, hk::errc code)
{
    return plan.next() == stream_action::fail && plan.failure() && plan.failure()->code() == code;
}

std::string cause_of(stream_plan const& plan)
{
    return plan.failure() ? plan.failure()->cause() : std::string();
}

/// Lets the plan try until it looks further on than its position; gives how many pauses it took.
int tries_before_probing(stream_plan& plan, hk::partition_info const& seen)
{
    int pauses = 0;
    for (int steps = 0; steps < 100; ++steps) {
        switch (plan.next()) {
        case stream_action::pause: ++pauses; break;
        case stream_action::look: plan.watermarks(seen); break;
        case stream_action::read:
            if (plan.offset() != plan.position())
                return pauses;
            plan.answered(std::nullopt, *plan.position());
            break;
        default: FAIL("nothing else is to be done"); return pauses;
        }
    }
    FAIL("it never looks further on");
    return pauses;
}

hk::errc refusal(hk::consume_options const& options)
{
    auto const wrong = stream_plan::check(options);
    return wrong ? static_cast<hk::errc>(wrong->code().value()) : hk::errc();
}

} // namespace

/// A stream that goes on behind a record of this offset and time.
stream_plan resumed(std::int64_t last, std::int64_t time, hk::consume_options options = {})
{
    stream_plan out(options.from(last + 1));
    out.expect(last, time);
    return out;
}

/// The plan looks, the watermarks are these, and it wants to see the record at the offset.
bool seeks(stream_plan& plan, std::int64_t offset, hk::partition_info const& seen)
{
    if (plan.next() != stream_action::look)
        return false;
    plan.watermarks(seen);
    return plan.next() == stream_action::seek && plan.offset() == offset && plan.count() == 1;
}

TEST_CASE("options that make no sense are refused")
{
    using options = hk::consume_options;
    CHECK(refusal(options()) == hk::errc());
    CHECK(refusal(options().from(hk::latest).until(hk::latest)) == hk::errc());
    CHECK(refusal(options().from(0).until(0).max_records(1).poll(1ms, 1ms)) == hk::errc());
    CHECK(refusal(options().from(-1)) == hk::errc::invalid_offset);
    CHECK(refusal(options().until(-1)) == hk::errc::invalid_offset);
    CHECK(refusal(options().until(hk::earliest)) == hk::errc::invalid_option);
    CHECK(refusal(options().max_records(0)) == hk::errc::invalid_count);
    CHECK(refusal(options().max_records(-7)) == hk::errc::invalid_count);
    CHECK(refusal(options().poll(0ms, 1s)) == hk::errc::invalid_option);
    CHECK(refusal(options().poll(2s, 1s)) == hk::errc::invalid_option);
}

TEST_CASE("a stream from the earliest offset looks where that is, and reads on from there")
{
    stream_plan plan(hk::consume_options().max_records(10));
    CHECK_FALSE(plan.position());
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(7, 100));
    CHECK(plan.position() == 7);
    CHECK(reads(plan, 7, 10));
    plan.answered(7, 17);
    CHECK(plan.position() == 7); // until it is handed over
    CHECK(plan.next() == stream_action::deliver);
    CHECK(plan.next() == stream_action::deliver); // a delivery that was not made is still due
    plan.delivered(17);
    CHECK(plan.position() == 17);
    CHECK(reads(plan, 17, 10));
    CHECK(plan.read_end() == max_offset);
    CHECK_FALSE(plan.caught_up());
}

TEST_CASE("a stream from the latest offset starts at the end")
{
    stream_plan plan(hk::consume_options().from(hk::latest).max_records(10));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(7, 100));
    CHECK(reads(plan, 100, 10));
    CHECK(plan.caught_up());
}

TEST_CASE("a stream from an offset reads at once")
{
    stream_plan plan(hk::consume_options().from(42).max_records(10));
    CHECK(reads(plan, 42, 10));
}

TEST_CASE("a stream until the latest offset ends at what that was at the start")
{
    stream_plan plan(hk::consume_options().until(hk::latest).max_records(10));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 15));
    CHECK(plan.end() == 15);
    CHECK(plan.read_end() == 15);
    hand_over(plan, 0, 10);
    CHECK(reads(plan, 10, 5)); // no more than to the end
    plan.answered(10, 15);
    CHECK(plan.next() == stream_action::deliver);
    plan.delivered(15);
    CHECK(plan.next() == stream_action::finish);
    CHECK(plan.next() == stream_action::finish);
}

TEST_CASE("an empty partition is read until its end at once")
{
    stream_plan plan(hk::consume_options().until(hk::latest));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(5, 5));
    CHECK(plan.next() == stream_action::finish);
}

TEST_CASE("a stream until an offset waits for what is not written yet")
{
    stream_plan plan(hk::consume_options().from(3).until(5));
    CHECK(reads(plan, 3, 2));
    nothing(plan, 3, marks(0, 3));
    CHECK(plan.next() == stream_action::pause);
    hand_over(plan, 3, 5);
    CHECK(plan.next() == stream_action::finish);
}

TEST_CASE("a stream that ends before it starts has nothing to hand over")
{
    stream_plan plan(hk::consume_options().from(5).until(5));
    CHECK(plan.next() == stream_action::finish);
    stream_plan behind(hk::consume_options().from(5).until(3));
    CHECK(behind.next() == stream_action::finish);
}

TEST_CASE("the position never moves backwards")
{
    stream_plan plan(hk::consume_options().from(20).max_records(10));
    hand_over(plan, 20, 25);
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(25, 26);
    REQUIRE(plan.next() == stream_action::deliver);
    plan.delivered(3);
    CHECK(plan.position() == 25);

    // Not with an answer without records either.
    nothing(plan, 3, marks(0, 25));
    CHECK(plan.position() == 25);
    CHECK(plan.next() == stream_action::pause);
    CHECK(reads(plan, 25, 10));
}

TEST_CASE("a watermark of yesterday does not move the start backwards")
{
    stream_plan plan{hk::consume_options()};
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(10, 20));
    nothing(plan, 10, marks(4, 20));
    CHECK(plan.position() == 10);
    CHECK(plan.next() == stream_action::pause);
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(4, 20));
    CHECK(plan.position() == 10);
}

TEST_CASE("a gap from compaction is passed over after a look at the watermarks")
{
    stream_plan plan(hk::consume_options().from(5));
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(90, 95);
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 100));
    CHECK(plan.next() == stream_action::deliver);
    plan.delivered(95);
    CHECK(plan.position() == 95);
}

TEST_CASE("a gap from retention is an error that names the lost offsets")
{
    stream_plan plan(hk::consume_options().from(5));
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(90, 95);
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(90, 100));
    CHECK(failed_with(plan, hk::errc::offset_below_earliest));
    CHECK(cause_of(plan).find("5 to 89") != std::string::npos);
    CHECK(failed_with(plan, hk::errc::offset_below_earliest)); // it stays so
}

TEST_CASE("an answer without records that says where to go on is followed without a pause")
{
    stream_plan plan(hk::consume_options().max_records(10));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(5, 100));
    nothing(plan, 80, marks(5, 100));
    CHECK(plan.position() == 80);
    CHECK(reads(plan, 80, 10));
}

TEST_CASE("where nothing was written before the read nothing is skipped")
{
    stream_plan plan(hk::consume_options().from(100).max_records(10));
    nothing(plan, 101, marks(0, 100)); // some count an empty answer as one
    CHECK(plan.position() == 100);
    CHECK(plan.next() == stream_action::pause);
    CHECK(reads(plan, 100, 10));
    nothing(plan, 103, marks(0, 102)); // 100 and 101 came between the read and the look
    CHECK(plan.position() == 100);
    CHECK(plan.next() == stream_action::pause);
    CHECK(reads(plan, 100, 10));
    nothing(plan, 103, marks(0, 103)); // a read after them says that they are no records
    CHECK(plan.position() == 102);
}

TEST_CASE("at the end each further read waits longer, up to a limit, until something arrives")
{
    stream_plan plan(hk::consume_options().from(9).poll(100ms, 500ms));
    for (milliseconds const expected : {100ms, 200ms, 400ms, 500ms, 500ms}) {
        nothing(plan, 9, marks(0, 9));
        CHECK(plan.caught_up());
        REQUIRE(plan.next() == stream_action::pause);
        CHECK(plan.pause() == expected);
    }
    hand_over(plan, 9, 10);
    nothing(plan, 10, marks(0, 10));
    REQUIRE(plan.next() == stream_action::pause);
    CHECK(plan.pause() == 100ms);
}

TEST_CASE("an hour at the end of an idle partition makes the requests that the options promise")
{
    stream_plan plan(hk::consume_options().from(100).poll(100ms, 2s));
    plan.watermarks(marks(0, 100));
    hk::milliseconds now(0);
    int reads = 0;
    int looks = 0;
    while (now < 1h)
        switch (plan.next()) {
        case stream_action::read:
            ++reads;
            plan.answered(std::nullopt, 100);
            break;
        case stream_action::look:
            ++looks;
            plan.watermarks(marks(0, 100));
            break;
        case stream_action::pause: now += plan.pause(); break;
        default: FAIL("nothing else is to be done");
        }
    // 100, 200, 400, 800, 1600 ms, then every two seconds
    CHECK(reads == 5 + (3'600'000 - 3'100 + 1'999) / 2'000);
    CHECK(looks == reads);
    // Whatever arrives now is read next, after at most one pause.
    CHECK(plan.pause() == 2s);
    if (plan.next() == stream_action::pause)
        CHECK(plan.next() == stream_action::read);
    plan.answered(100, 101);
    CHECK(plan.next() == stream_action::deliver);
    plan.delivered(101);
    nothing(plan, 101, marks(0, 101));
    CHECK(plan.next() == stream_action::pause);
    CHECK(plan.pause() == 100ms); // and the pace begins anew
}

TEST_CASE("a pause is up to a fifth shorter")
{
    using hk::detail::jittered;
    CHECK(jittered(100ms, 0.0) == 100ms);
    CHECK(jittered(100ms, 0.5) == 90ms);
    CHECK(jittered(100ms, 0.999) == 81ms);
    CHECK(jittered(1ms, 0.999) == 1ms);
    CHECK(jittered(milliseconds::max(), 0.0) == milliseconds::max());
    CHECK(jittered(milliseconds::max(), 0.999) > milliseconds::max() / 5 * 4);
}

TEST_CASE("the longest pause may be as long as there is")
{
    stream_plan plan(hk::consume_options().from(9).poll(milliseconds::max(), milliseconds::max()));
    for (int i = 0; i < 3; ++i) {
        nothing(plan, 9, marks(0, 9));
        REQUIRE(plan.next() == stream_action::pause);
        CHECK(plan.pause() == milliseconds::max());
    }
}

TEST_CASE("an answer without records below the end is tried again, with pauses")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    nothing(plan, 5, marks(0, 50));
    CHECK_FALSE(plan.caught_up());
    CHECK(plan.next() == stream_action::pause);
    CHECK(reads(plan, 5, 10));
    plan.answered(5, 15); // this time they come
    CHECK(plan.next() == stream_action::deliver);
    plan.delivered(15);
    CHECK(reads(plan, 15, 10));
}

TEST_CASE("patience begins anew where records were handed over")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    int const at_first = tries_before_probing(plan, marks(0, 1000));
    plan = stream_plan(hk::consume_options().from(5).max_records(10));
    for (int i = 0; i < at_first; ++i) {
        nothing(plan, 5, marks(0, 1000));
        CHECK(plan.next() == stream_action::pause);
    }
    hand_over(plan, 5, 15);
    CHECK(tries_before_probing(plan, marks(0, 1000)) == at_first);
}

TEST_CASE("records behind one that cannot be read are looked for at doubling distances")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    CHECK(tries_before_probing(plan, marks(0, 1000)) >= 2);
    for (std::int64_t const step : {1, 2, 4, 8, 16, 32}) {
        CHECK(reads(plan, 5 + step, 1));
        plan.answered(std::nullopt, 5 + step);
    }
    CHECK(reads(plan, 69, 1));
    plan.answered(70, 71);
    // They may be new: only if there is still nothing at the position they prove something.
    CHECK(reads(plan, 5, 10));
    plan.answered(std::nullopt, 5);
    CHECK(plan.next() == stream_action::look); // for what retention may have done
    plan.watermarks(marks(0, 1000));
    CHECK(failed_with(plan, hk::errc::unreadable_record));
    CHECK(cause_of(plan).find("offset 5 up to 70") != std::string::npos);
    CHECK(plan.position() == 5);
}

TEST_CASE("what is to be skipped is looked at offset by offset, then narrowed down")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10).on_unreadable(hk::skip));
    tries_before_probing(plan, marks(0, 1000));
    for (std::int64_t offset = 6; offset <= 37; ++offset) {
        CHECK(reads(plan, offset, 1));
        plan.answered(std::nullopt, offset);
    }
    CHECK(reads(plan, 69, 1));
    plan.answered(70, 71);
    CHECK(reads(plan, 53, 1));
    plan.answered(std::nullopt, 53);
    CHECK(reads(plan, 61, 1));
    plan.answered(62, 63);
    CHECK(reads(plan, 57, 1));
    plan.answered(std::nullopt, 57);
    CHECK(reads(plan, 59, 1));
    plan.answered(59, 60);
    CHECK(reads(plan, 58, 1));
    plan.answered(59, 60);
    CHECK(reads(plan, 5, 10)); // the last word
    plan.answered(std::nullopt, 5);
    CHECK(plan.next() == stream_action::look); // but for what retention may have done
    plan.watermarks(marks(0, 1000));
    CHECK(reads(plan, 59, 10));
    auto const skipped = plan.take_skipped();
    REQUIRE(skipped.size() == 1);
    CHECK(skipped[0].from == 5);
    CHECK(skipped[0].to == 59);
}

TEST_CASE("records that arrive while one looks further on are handed over")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    tries_before_probing(plan, marks(0, 7)); // 5 and 6 are no records: a transaction's marks
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(7, 8); // written just now
    CHECK(reads(plan, 5, 10));
    plan.answered(7, 8);
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 8));
    CHECK(plan.next() == stream_action::deliver);
    plan.delivered(8);
    CHECK(reads(plan, 8, 10));
}

TEST_CASE("a service that learns to go on while one looks further on is followed")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    tries_before_probing(plan, marks(0, 1000));
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(6, 7);
    nothing(plan, 6, marks(0, 1000));
    CHECK(plan.position() == 6);
    CHECK(reads(plan, 6, 10));
}

TEST_CASE("nothing to be read up to the end is an error and no end")
{
    for (auto const& options : {hk::consume_options().from(5), hk::consume_options().from(5).until(9)}) {
        stream_plan plan(options);
        tries_before_probing(plan, marks(0, 9));
        for (int i = 0; i < 10 && plan.next() == stream_action::read; ++i) {
            CHECK(plan.offset() < 9);
            plan.answered(std::nullopt, plan.offset());
        }
        CHECK(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 9));
        CHECK(failed_with(plan, hk::errc::unreadable_record));
    }
}

TEST_CASE("records that retention has deleted while one looks further on are not called unreadable")
{
    for (bool const skips : {false, true}) {
        hk::consume_options options = hk::consume_options().from(5);
        if (skips)
            options.on_unreadable(hk::skip);
        stream_plan plan(options);
        tries_before_probing(plan, marks(0, 9));
        for (int i = 0; i < 10 && plan.next() == stream_action::read; ++i)
            plan.answered(std::nullopt, plan.offset());
        CHECK(plan.next() == stream_action::look);
        plan.watermarks(marks(8, 12));
        CHECK(failed_with(plan, hk::errc::offset_below_earliest));
    }
}

TEST_CASE("where nothing was found up to the end, what is written meanwhile is read")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    tries_before_probing(plan, marks(0, 9));
    for (int i = 0; i < 10 && plan.next() == stream_action::read; ++i)
        plan.answered(std::nullopt, plan.offset());
    CHECK(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 10));
    CHECK(reads(plan, 5, 10));
    plan.answered(9, 10);
}

TEST_CASE("looking further on ends also in the longest of logs")
{
    for (std::int64_t const start : {std::int64_t(0), std::int64_t(1) << 62, (std::int64_t(1) << 62) + 1}) {
        stream_plan plan(hk::consume_options().from(start));
        tries_before_probing(plan, marks(0, max_offset));
        int reads = 0;
        while (plan.next() == stream_action::read && reads < 100) {
            CHECK(plan.offset() >= start);
            plan.answered(std::nullopt, plan.offset());
            ++reads;
        }
        CHECK(reads < 100);
        CHECK(plan.next() == stream_action::look);
        plan.watermarks(marks(0, max_offset));
        CHECK(failed_with(plan, hk::errc::unreadable_record));
    }
}

TEST_CASE("a refused read below the earliest offset says which offsets are lost")
{
    stream_plan plan(hk::consume_options().from(5));
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(30, 40));
    CHECK(failed_with(plan, hk::errc::offset_below_earliest));
    CHECK(cause_of(plan).find("5 to 29") != std::string::npos);
}

TEST_CASE("a refused read above the latest offset says that the topic is another one")
{
    stream_plan plan(hk::consume_options().from(50));
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 40));
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(cause_of(plan).find("50") != std::string::npos);
    CHECK(cause_of(plan).find("40") != std::string::npos);
}

TEST_CASE("a refused read within the partition is tried once more, then the refusal stands")
{
    stream_plan plan(hk::consume_options().from(5).max_records(10));
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 40));
    CHECK(reads(plan, 5, 10));
    CHECK_FALSE(plan.refused());

    // After an answer the next refusal is a new one.
    hand_over(plan, 5, 9);
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused());
}

TEST_CASE("a stream from the earliest offset follows it as long as nothing was handed over")
{
    stream_plan plan(hk::consume_options().max_records(10));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(5, 100));
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused()); // retention was faster
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(30, 100));
    CHECK(reads(plan, 30, 10));
    hand_over(plan, 30, 40);
    REQUIRE(plan.next() == stream_action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(60, 100));
    CHECK(failed_with(plan, hk::errc::offset_below_earliest)); // from now on it would be a loss
    CHECK(cause_of(plan).find("40 to 59") != std::string::npos);
}

TEST_CASE("what was deleted behind the first records is not passed over in silence")
{
    stream_plan plan(hk::consume_options().max_records(10));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(5, 100));
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(8, 16);
    if (plan.next() == stream_action::look)
        plan.watermarks(marks(30, 100)); // meanwhile
    REQUIRE(plan.next() == stream_action::deliver);
    plan.delivered(16);
    CHECK(plan.position() == 16);
}

TEST_CASE("a watermark behind the position is believed only when it stays there for seconds")
{
    stream_plan plan(hk::consume_options().from(10).max_records(10));
    hand_over(plan, 10, 15);
    milliseconds waited{0};
    int steps = 0;
    while (!plan.failure() && steps++ < 1000) {
        switch (plan.next()) {
        case stream_action::pause: waited += plan.pause(); break;
        case stream_action::look: plan.watermarks(marks(0, 12)); break;
        case stream_action::read: plan.answered(std::nullopt, 15); break;
        default: break;
        }
    }
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(waited >= 5s);
    CHECK(waited <= 30s);
}

TEST_CASE("a watermark that is behind for a while does not hinder reading")
{
    stream_plan plan(hk::consume_options().from(10).max_records(10));
    hand_over(plan, 10, 15);
    nothing(plan, 15, marks(0, 12));
    CHECK(plan.next() == stream_action::pause);
    CHECK(reads(plan, 15, 10));
    plan.answered(15, 16);
    CHECK(plan.next() == stream_action::deliver);
    plan.delivered(16);
    nothing(plan, 16, marks(0, 16));
    CHECK(plan.next() == stream_action::pause);
    CHECK(plan.caught_up());
}

TEST_CASE("a start past the end is no end, also when the stream is to end there")
{
    stream_plan plan(hk::consume_options().from(100).until(hk::latest));
    int steps = 0;
    while (!plan.failure() && steps++ < 1000) {
        switch (plan.next()) {
        case stream_action::pause: break;
        case stream_action::look: plan.watermarks(marks(0, 50)); break;
        case stream_action::read: plan.answered(std::nullopt, 100); break;
        default: REQUIRE(plan.failure());
        }
    }
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
}

// A pretend service ---------------------------------------------------------------------------------------

namespace {

enum class next_offset : unsigned char
{
    absent,
    equal,  // to the offset that was asked for
    behind, // it
    ahead,  // past the last record and the gap behind it
    beyond, // also past the end, when there is nothing
};

/// A partition: records and holes between two watermarks, and a proxy that shows the marks late.
class pretend_partition
{
public:
    explicit pretend_partition(std::uint64_t seed) : random_(seed)
    {
        mode_ = static_cast<next_offset>(draw(0, 4));
        stale_ = draw(0, 2) == 0 ? 3'000 : 0;
        oversize_permille_ = draw(0, 3) == 0 ? 20 : 0;
        hole_permille_ = draw(0, 1) == 0 ? 300 : 0;
        deletes_ = stale_ == 0 && draw(0, 4) == 0;
        refuses_ = draw(0, 1) == 0;
        growth_left_ = draw(0, 1) == 0 ? 0 : draw(1, 300);
        end_ = earliest_ = draw(0, 1) == 0 ? 0 : draw(1, max_offset - 1'000'000);
        for (auto n = draw(0, 200); n > 0; --n)
            append();
        earliest_ += std::min<std::int64_t>(draw(0, 1) == 0 ? 0 : draw(0, 50), end_ - earliest_);
        shown_latest_ = end_;
    }

    std::int64_t draw(std::int64_t least, std::int64_t most)
    {
        return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
    }

    void pass(milliseconds time)
    {
        clock_ += time.count();
        while (growth_left_ > 0 && draw(0, 2) == 0) {
            --growth_left_;
            append();
        }
        if (deletes_ && draw(0, 20) == 0)
            earliest_ = std::min(end_, earliest_ + draw(0, 30));
        if (clock_ >= shown_until_) {
            shown_latest_ = end_;
            shown_until_ = clock_ + (stale_ == 0 ? 0 : draw(0, stale_));
        }
    }

    hk::partition_info watermarks() const { return marks(earliest_, std::max(earliest_, shown_latest_)); }

    /// Carries out the plan's read and tells it what came; gives the offsets of the records.
    std::vector<std::int64_t> read(stream_plan& plan)
    {
        std::int64_t const asked = plan.offset();
        blocked_ = blocked(asked, plan.read_end());
        std::vector<std::int64_t> found;
        if (refuses_ && (asked < earliest_ || asked > end_)) {
            if (!plan.refused())
                refused_for_good_ = true;
            return found;
        }
        auto const most = static_cast<std::size_t>(std::min<std::int64_t>(plan.count(), draw(1, 40)));
        auto at = log_.lower_bound(std::max(asked, earliest_));
        for (; at != log_.end() && at->second && found.size() < most; ++at)
            found.push_back(at->first);
        // What the parser does with the answer.
        std::int64_t next = found.empty() ? asked : found.back() + 1;
        std::int64_t const go_on = at == log_.end() ? end_ : at->first;
        switch (mode_) {
        case next_offset::absent:
        case next_offset::equal: break;
        case next_offset::behind: next = std::max(next, asked - draw(0, 5)); break;
        case next_offset::ahead: next = std::max(next, go_on); break;
        case next_offset::beyond: next = std::max(next, asked >= end_ ? asked + draw(1, 5) : go_on); break;
        }
        std::erase_if(found, [&plan](std::int64_t offset) { return offset >= plan.read_end(); });
        next = std::min(next, std::max(plan.read_end(), asked));
        plan.answered(found.empty() ? std::nullopt : std::optional(found.front()), next);
        next_ = next;
        return found;
    }

    std::int64_t next() const { return next_; }
    std::int64_t earliest() const { return earliest_; }
    std::int64_t end() const { return end_; }
    bool grows() const { return growth_left_ > 0; }
    bool shows_end() const { return shown_latest_ == end_; }
    bool refused_for_good() const { return refused_for_good_; }
    bool deletes() const { return deletes_; }

    /// All records in [from, to), readable or not, deleted or not.
    std::vector<std::int64_t> records(std::int64_t from, std::int64_t to) const
    {
        std::vector<std::int64_t> out;
        for (auto at = log_.lower_bound(from); at != log_.end() && at->first < to; ++at)
            out.push_back(at->first);
        return out;
    }

    /// Whether the last read could find nothing although the end was further on.
    bool was_blocked() const { return blocked_; }

private:
    bool blocked(std::int64_t position, std::int64_t until) const
    {
        auto const at = log_.lower_bound(position);
        return position < end_ && (at == log_.end() || at->first >= until || !at->second);
    }

    void append()
    {
        if (draw(0, 999) < hole_permille_)
            end_ += draw(1, 20);
        else
            log_[end_++] = draw(0, 999) >= oversize_permille_;
    }

    std::mt19937_64 random_;
    std::map<std::int64_t, bool> log_; // offset: whether the service can return it
    std::int64_t earliest_ = 0;
    std::int64_t end_ = 0;
    std::int64_t next_ = 0;
    std::int64_t clock_ = 0;
    std::int64_t shown_latest_ = 0;
    std::int64_t shown_until_ = 0;
    std::int64_t growth_left_ = 0;
    std::int64_t stale_ = 0;
    std::int64_t oversize_permille_ = 0;
    std::int64_t hole_permille_ = 0;
    next_offset mode_ = next_offset::absent;
    bool deletes_ = false;
    bool refuses_ = false;
    bool refused_for_good_ = false;
    bool blocked_ = false;
};

/// How one stream over one pretend partition ended; each end is right or a defect.
class stream_run
{
public:
    explicit stream_run(std::uint64_t seed)
        : service_(seed), options_(options()), plan_(options_), from_(service_.earliest())
    {
        if (options_.from().which() == hk::offset_spec::anchor::exact)
            handed_over_ = options_.from().offset();
    }

    /// Empty when all is well, else what is wrong.
    std::string defect()
    {
        int idle = 0; // requests in a row that led neither on nor to a pause
        for (int steps = 0; steps < 100'000; ++steps) {
            if (++idle > 200)
                return "it spins";
            switch (plan_.next()) {
            case stream_action::look:
                service_.pass(1ms);
                looked();
                break;
            case stream_action::read:
                service_.pass(1ms);
                if (plan_.count() < 1 || plan_.count() > options_.max_records())
                    return "it reads " + std::to_string(plan_.count());
                held_ = service_.read(plan_);
                if (service_.refused_for_good())
                    return service_.deletes() ? "" : "a refusal within the partition";
                break;
            case stream_action::deliver:
                if (auto wrong = deliver(); !wrong.empty())
                    return wrong;
                idle = 0;
                break;
            case stream_action::seek: return "it looks for a point in time";
            case stream_action::pause:
                if (plan_.pause() < options_.poll_least() || plan_.pause() > options_.poll_most())
                    return "a pause of " + std::to_string(plan_.pause().count());
                service_.pass(plan_.pause());
                idle = 0;
                if (!service_.grows() && service_.shows_end() && plan_.position() &&
                    *plan_.position() >= service_.end() && ++pauses_at_end_ > 5)
                    return missing(service_.end());
                break;
            case stream_action::finish: return finished();
            case stream_action::fail: return failed();
            }
        }
        return "it does not end";
    }

private:
    hk::consume_options options()
    {
        hk::consume_options out;
        auto const inside = [this] { return service_.draw(service_.earliest(), service_.end()); };
        switch (service_.draw(0, 2)) {
        case 0: break;
        case 1: out.from(hk::latest); break;
        default: out.from(inside()); break;
        }
        switch (service_.draw(0, 3)) {
        case 0: break;
        case 1: out.until(inside()); break;
        default: out.until(hk::latest); break;
        }
        out.max_records(static_cast<std::int32_t>(service_.draw(1, 30)));
        milliseconds const least(service_.draw(1, 200));
        return out.poll(least, least * service_.draw(1, 20));
    }

    void looked()
    {
        auto const seen = service_.watermarks();
        bool const first = !plan_.position();
        plan_.watermarks(seen);
        if (first && plan_.position())
            from_ = *plan_.position();
        if (!handed_over_ && plan_.position())
            handed_over_ = *plan_.position();
    }

    /// The records that are due before `to` and were not handed over; "" when there are none.
    std::string missing(std::int64_t to) const
    {
        auto const due = service_.records(due_from(to), to);
        return due.empty() ? "" : "record " + std::to_string(due.front()) + " was passed over";
    }

    /// Where what is due begins, when it goes on at `next`.
    std::int64_t due_from(std::int64_t next) const
    {
        std::int64_t const begin = handed_over_.value_or(from_);
        // What retention took before the first record was never promised.
        bool const follows = !moved_ && options_.from().which() == hk::offset_spec::anchor::beginning;
        return follows ? std::max(begin, std::min(service_.earliest(), next)) : begin;
    }

    std::string deliver()
    {
        if (held_.empty())
            return "there is nothing to deliver";
        std::int64_t const begin = due_from(held_.front());
        auto const due = service_.records(begin, held_.back() + 1);
        if (due != held_)
            return "from " + std::to_string(begin) + " on " + std::to_string(held_.size()) +
                   " records are delivered up to " + std::to_string(held_.back()) + ", the log holds " +
                   std::to_string(due.size());
        plan_.delivered(service_.next());
        moved_ = true;
        handed_over_ = held_.back() + 1;
        held_.clear();
        return "";
    }

    std::string finished() const
    {
        if (!options_.until())
            return "it finishes although it should follow";
        auto const until = *options_.until();
        std::int64_t const end =
            until.which() == hk::offset_spec::anchor::exact ? until.offset() : plan_.end().value_or(-1);
        if (plan_.position() && *plan_.position() < end)
            return "it finishes before the end";
        return missing(end);
    }

    std::string failed() const
    {
        auto const code = plan_.failure()->code();
        std::int64_t const position = plan_.position().value_or(-1);
        if (code == hk::errc::unreadable_record && service_.was_blocked())
            return missing(position);
        if (code == hk::errc::offset_below_earliest && position < service_.earliest())
            return "";
        return std::string("without a reason: ") + plan_.failure()->what();
    }

    pretend_partition service_;
    hk::consume_options options_;
    stream_plan plan_;
    std::int64_t from_;
    std::optional<std::int64_t> handed_over_; // everything before it
    std::vector<std::int64_t> held_;
    int pauses_at_end_ = 0;
    bool moved_ = false;
};

} // namespace

TEST_CASE("a stream that goes on looks at the last record first")
{
    auto const options = hk::consume_options().max_records(10);
    SUBCASE("it is there")
    {
        stream_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, 1'000);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it was compacted away")
    {
        stream_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(9, 3'000);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it has no time any more")
    {
        stream_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, std::nullopt);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("retention has deleted it")
    {
        stream_plan plan = resumed(7, 1'000, options);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(8, 20));
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it is another one")
    {
        stream_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
}

TEST_CASE("no answer about the last record is no answer to the question")
{
    stream_plan plan = resumed(7, 1'000);
    REQUIRE(seeks(plan, 7, marks(0, 20)));
    SUBCASE("a refusal")
    {
        CHECK(plan.seek_refused());
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        CHECK_FALSE(plan.seek_refused());            // the service's own error is told
        REQUIRE(plan.next() == stream_action::seek); // and whoever goes on asks again
    }
    SUBCASE("silence")
    {
        for (int i = 0; i < 2; ++i) {
            plan.sought(std::nullopt, std::nullopt);
            REQUIRE(plan.next() == stream_action::pause);
            REQUIRE(plan.next() == stream_action::seek);
        }
    }
    plan.sought(7, 2'000);
    CHECK(failed_with(plan, hk::errc::topic_recreated));
}

TEST_CASE("silence about the last record is believed in the end")
{
    stream_plan plan = resumed(7, 1'000, hk::consume_options().max_records(10));
    REQUIRE(seeks(plan, 7, marks(0, 20)));
    for (int i = 0; i < 2; ++i) {
        plan.sought(std::nullopt, std::nullopt);
        REQUIRE(plan.next() == stream_action::pause);
        REQUIRE(plan.next() == stream_action::seek);
    }
    plan.sought(std::nullopt, std::nullopt);
    CHECK(reads(plan, 8, 10));
}

TEST_CASE("a shorter topic that grows past the position is looked at before anything is handed over")
{
    for (bool const ends : {false, true}) {
        hk::consume_options options;
        if (ends)
            options.until(hk::latest);
        stream_plan plan = resumed(5'000, 1'000, options);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 4'000));
        REQUIRE(plan.next() == stream_action::pause);
        REQUIRE(seeks(plan, 5'000, marks(0, 6'000)));
        plan.sought(5'000, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
}

TEST_CASE("a topic that stays shorter than the last record is truncated")
{
    stream_plan plan = resumed(5'000, 1'000);
    hk::milliseconds waited(0);
    stream_action action = plan.next();
    for (; action == stream_action::look || action == stream_action::pause; action = plan.next()) {
        if (action == stream_action::pause)
            waited += plan.pause();
        else
            plan.watermarks(marks(0, 4'000));
    }
    CHECK(action == stream_action::fail);
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(waited >= 10s);
}

TEST_CASE("in a topic that was made anew a stream goes on where its policy says, once the watermarks are new")
{
    auto const options = hk::consume_options().until(hk::latest).max_records(10);
    SUBCASE("at the beginning")
    {
        stream_plan plan = resumed(1'999, 1'000, hk::consume_options(options).on_out_of_range(hk::earliest));
        REQUIRE(seeks(plan, 1'999, marks(1'000, 2'500)));
        plan.sought(1'999, 2'000);
        REQUIRE(plan.next() == stream_action::pause);
        CHECK(plan.pause() == 10s); // as long as the service may show those of the topic that was
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 2'400));
        CHECK(reads(plan, 0, 10));
        CHECK(plan.end() == 2'400);
        auto const skipped = plan.take_skipped();
        REQUIRE(skipped.size() == 1);
        CHECK(skipped[0].from == 2'000);
        CHECK(skipped[0].to == 0);
        CHECK(skipped[0].cause == hk::skip_cause::recreated);
    }
    SUBCASE("at the end")
    {
        stream_plan plan = resumed(1'999, 1'000, hk::consume_options(options).on_out_of_range(hk::latest));
        REQUIRE(seeks(plan, 1'999, marks(0, 2'500)));
        plan.sought(1'999, 2'000);
        REQUIRE(plan.next() == stream_action::pause);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 2'400));
        CHECK(plan.next() == stream_action::finish);
    }
}

TEST_CASE("a stream until the latest offset ends also in a topic that became shorter")
{
    stream_plan plan(hk::consume_options().from(20).until(hk::latest).on_out_of_range(hk::earliest));
    stream_action action = plan.next();
    for (; action == stream_action::look || action == stream_action::pause; action = plan.next())
        if (action == stream_action::look)
            plan.watermarks(marks(0, 8));
    CHECK(action == stream_action::read);
    CHECK(plan.offset() == 0);
    CHECK(plan.count() == 8);
    hand_over(plan, 0, 8);
    CHECK(plan.next() == stream_action::finish);
}

TEST_CASE("over any log everything is handed over once and in order, or the error says why not")
{
    // HDIKAFKA_TEST_SEED=n runs that one alone.
    if (char const* const one = std::getenv("HDIKAFKA_TEST_SEED")) {
        CHECK(stream_run(std::strtoull(one, nullptr, 10)).defect() == "");
        return;
    }
    std::uint64_t const first = std::random_device()();
    MESSAGE("seeds from ", first);
    for (std::uint64_t seed = first; seed < first + 20'000; ++seed) {
        std::string const defect = stream_run(seed).defect();
        CAPTURE(seed);
        REQUIRE(defect == "");
    }
}
