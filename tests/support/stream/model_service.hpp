// A partition, and what befalls it and its service while it is read: for the stream's model test.
#ifndef HDIKAFKA_TESTS_SUPPORT_MODEL_SERVICE_HPP
#define HDIKAFKA_TESTS_SUPPORT_MODEL_SERVICE_HPP

#include "support/stream/model_log.hpp"

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace test {

/// At which, or near which, one of its records was written.
inline std::chrono::sys_time<hk::milliseconds> random_time(random_engine& random, model_log const& log)
{
    int const length = static_cast<int>(log.latest() - log.earliest());
    return std::chrono::sys_time<hk::milliseconds>(
        hk::milliseconds(model_log::time_of(log.earliest()) + up_to(random, 10 * length + 20) - 10));
}

/// Of a stream over the log.
inline hk::consume_options random_options(random_engine& random, model_log const& log)
{
    hk::consume_options out;
    out.max_records(1 + up_to(random, chance(random, 50) ? 10 : 200));
    out.parallelism(static_cast<std::size_t>(1 + (chance(random, 60) ? up_to(random, 15) : 0)));
    out.read_ahead(static_cast<std::size_t>(up_to(random, 3)));
    out.unreadable_after(hk::milliseconds(500 + up_to(random, 15'000)));
    hk::milliseconds const least(1 + up_to(random, 200));
    out.poll(least, std::max(least * (1 + up_to(random, 20)), out.unreadable_after() / 30));
    int const length = static_cast<int>(log.latest() - log.earliest());
    int const from = up_to(random, 9);
    if (from < 3)
        out.from(log.earliest() + up_to(random, length));
    else if (from < 5)
        out.from_end(up_to(random, length + 10));
    else if (from < 7)
        out.from(random_time(random, log));
    if (chance(random, 30))
        out.on_out_of_range(hk::earliest);
    else if (chance(random, 30))
        out.on_out_of_range(hk::latest);
    if (chance(random, 50))
        out.on_unreadable(hk::skip);
    if (chance(random, 20) && log.latest() > 0)
        out.until(log.earliest() + up_to(random, length));
    else if (chance(random, 15))
        out.until(random_time(random, log));
    else if (chance(random, 80))
        out.until(hk::latest);
    return out;
}

/// For a while the service gives nothing, or there is no leader.
class spell
{
public:
    void begin(std::int64_t now, std::int64_t length)
    {
        from_ = now;
        to_ = now + length;
    }
    bool is_on(std::int64_t now) const { return now >= from_ && now < to_; }
    bool began_since(std::int64_t then) const { return from_ >= then; }
    bool is_over_since(std::int64_t now, std::int64_t time) const { return now >= to_ + time; }

private:
    std::int64_t from_ = -1;
    std::int64_t to_ = 0;
};

/// What goes wrong, and how often, is drawn at random.
class model_service
{
public:
    explicit model_service(random_engine& random)
        : log(random),
          random_(random),
          growth_(chance(random, 50) ? up_to(random, 10) : 0),
          retention_(chance(random, 30) ? up_to(random, 5) : 0),
          faults_(chance(random, 50) ? up_to(random, 20) : 0),
          hiccups_(chance(random, 50) ? up_to(random, 5) : 0),
          elections_(chance(random, 20) ? up_to(random, 3) : 0),
          long_hiccups_(chance(random, 5))
    {}

    /// A moment passes. `longest`: of the hiccups, but for those that may be longer.
    void happen(hk::milliseconds longest)
    {
        clock_ += up_to(random_, 2);
        if (appended_ < most_records && chance(random_, growth_)) {
            int const more = up_to(random_, 20);
            log.grow(random_, more);
            appended_ += more;
        }
        if (chance(random_, retention_))
            log.trim(log.earliest() + up_to(random_, 60));
        auto const most = longest.count();
        if (chance(random_, hiccups_) && hiccup_.is_over_since(clock_, 2 * most + 10'000)) {
            bool const too_long = long_hiccups_ && chance(random_, 30);
            hiccup_.begin(clock_, (too_long ? most : 0) + up_to(random_, static_cast<int>(most)));
            silence_ = chance(random_, 70) ? 100 : 60;
        }
        if (chance(random_, elections_) && election_.is_over_since(clock_, 1'000))
            election_.begin(clock_, up_to(random_, 20'000));
    }

    /// Time passes.
    void pause(hk::milliseconds time) { clock_ += time.count(); }

    /// From now on nothing new goes wrong, and nothing is written.
    void calm_down() { hiccups_ = elections_ = growth_ = 0; }

    bool is_calm() const
    {
        return growth_ == 0 && hiccup_.is_over_since(clock_, 0) && election_.is_over_since(clock_, 0);
    }

    hk::detail::plan_event look()
    {
        using kind = hk::detail::plan_event::kind;
        looked_at_ = clock_;
        if (election_.is_on(clock_))
            return {.what = kind::unavailable};
        return {.what = kind::watermarks, .earliest = log.earliest(), .latest = log.latest()};
    }

    hk::result<hk::record_batch> answer_to(hk::detail::range_read const& what)
    {
        if (is_faulty())
            return hk::error(hk::errc::connection_lost);
        if (election_.is_on(clock_)) {
            hk::diagnostics info;
            info.http_status = chance(random_, 50) ? 500 : 404;
            return hk::error(hk::errc::service_failed, info);
        }
        return log.read(what, hiccup_.is_on(clock_) && chance(random_, silence_));
    }

    /// Whether a read is lost.
    bool is_faulty() { return chance(random_, faults_); }

    /// Whether the leader was lost after the last look.
    bool lost_leader_unseen() const { return election_.began_since(looked_at_); }

    /// Whether what is promised is promised for shorter hiccups than there may be.
    bool breaks_promises() const { return long_hiccups_; }

    /// Whether nothing keeps a search from finding the very record.
    bool is_plain() const
    {
        bool const flawless = std::ranges::all_of(
            log.records(), [](auto const& one) { return one.second.wrong == flaw::none; });
        return flawless && log.has_good_times() && !log.has_silent_gaps() && hiccups_ == 0 && elections_ == 0;
    }

    model_log log;

private:
    static constexpr int most_records = 1'000;

    random_engine& random_;
    std::int64_t clock_ = 0; ///< In milliseconds.
    std::int64_t looked_at_ = 0;
    int appended_ = 0;
    int growth_; ///< As the following, in percent of the steps.
    int retention_;
    int faults_;
    int hiccups_;
    int elections_;
    bool long_hiccups_;
    spell hiccup_;
    int silence_ = 100; ///< How many of the answers have nothing, during one, in percent.
    spell election_;
};

} // namespace test

#endif
