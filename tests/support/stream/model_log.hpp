// A partition as a service shows it that misbehaves at random, without a socket: for the stream's model test.
#ifndef HDIKAFKA_TESTS_SUPPORT_MODEL_LOG_HPP
#define HDIKAFKA_TESTS_SUPPORT_MODEL_LOG_HPP

#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace test {

namespace hk = hdikafka;

using random_engine = std::mt19937_64;

inline int up_to(random_engine& random, int most)
{
    return std::uniform_int_distribution<int>(0, most)(random);
}
inline bool chance(random_engine& random, int percent) { return up_to(random, 99) < percent; }

/// From the environment, for long runs by hand.
inline std::uint64_t number(char const* name, std::uint64_t usual)
{
    char const* const text = std::getenv(name);
    return text ? std::stoull(text) : usual;
}

/// What is wrong with a record.
enum class flaw : unsigned char
{
    none,
    hidden,  ///< The service answers as if there were nothing,
    failing, ///< or with 500,
    deep,    ///< or with what cannot be read,
    huge,    ///< or with more than may be in an answer.
};

class model_record
{
public:
    int size = 1;
    flaw wrong = flaw::none;
    std::optional<std::int64_t> time;
};

/// The log itself, and how it looks on the wire.
class model_log
{
public:
    explicit model_log(random_engine& random)
        : cap_(100 + up_to(random, 900)),
          limit_(chance(random, 30) ? std::max(cap_ / (1 + up_to(random, 5)), cap_ / 10 + 1) : 10 * cap_),
          form_(static_cast<form>(up_to(random, 4))),
          bare_array_(chance(random, 50)),
          silent_gaps_(chance(random, 10)),
          silent_tail_(chance(random, 50)),
          gaps_(chance(random, 50) ? up_to(random, 40) : 0),
          flaws_(chance(random, 40) ? 1 + up_to(random, 1) : 0),
          wrong_times_(chance(random, 30) ? up_to(random, 2) : 0),
          disorder_(chance(random, 30) ? up_to(random, 200) : 0)
    {
        latest_ = chance(random, 30) ? up_to(random, 1'000) : 0;
        earliest_ = latest_;
        grow(random, up_to(random, chance(random, 10) ? 3'000 : 300));
    }

    void grow(random_engine& random, int records)
    {
        for (int i = 0; i != records; ++i) {
            if (chance(random, gaps_))
                latest_ += 1 + up_to(random, 20);
            model_record one;
            one.size = 1 + up_to(random, cap_ / 10);
            one.time = time_of(latest_) + up_to(random, 2 * disorder_) - disorder_;
            if (chance(random, wrong_times_))
                one.time = chance(random, 50) ? up_to(random, 1) - 1 : up_to(random, 100);
            if (chance(random, wrong_times_))
                one.time.reset();
            if (chance(random, flaws_)) {
                one.wrong = static_cast<flaw>(1 + up_to(random, 3));
                if (one.wrong == flaw::huge)
                    one.size = limit_ + 1;
            }
            records_[latest_++] = one;
        }
        if (chance(random, gaps_ / 2))
            latest_ += up_to(random, 30); // marks of transactions
    }

    /// Of the record at an offset, where nothing is wrong with it.
    static std::int64_t time_of(std::int64_t offset) { return 1'000 + 10 * offset; }

    /// Deletes what is before the offset.
    void trim(std::int64_t before)
    {
        earliest_ = std::clamp(before, earliest_, latest_);
        records_.erase(records_.begin(), records_.lower_bound(earliest_));
    }

    hk::partition_info watermarks() const
    {
        hk::partition_info out;
        out.earliest_offset = earliest_;
        out.latest_offset = latest_;
        return out;
    }

    bool in_range(std::int64_t offset) const { return offset >= earliest_ && offset <= latest_; }

    /// The answer to a read; with `silent` there seems to be nothing.
    hk::result<hk::record_batch> read(hk::detail::range_read const& what, bool silent) const
    {
        if (!in_range(what.offset))
            return refusal(400);
        std::string list;
        int bytes = 0;
        std::int64_t next = what.offset;
        auto at = records_.lower_bound(what.offset);
        silent = silent || (silent_gaps_ && at != records_.end() && at->first != what.offset);
        bool cut = false;
        for (std::int32_t left = what.count; !silent && at != records_.end() && left > 0; ++at, --left) {
            model_record const& one = at->second;
            if (one.wrong == flaw::failing)
                return refusal(500);
            if (one.wrong == flaw::hidden || (bytes + one.size > cap_ && !list.empty()))
                break;
            bytes += one.size;
            cut = one.wrong == flaw::deep;
            if (cut && list.empty())
                return hk::error(hk::errc::too_deep);
            if (cut)
                break;
            list += (list.empty() ? "{\"offset\":" : ",{\"offset\":") + std::to_string(at->first);
            if (one.time)
                list += ",\"timestamp\":" + std::to_string(*one.time);
            list += ",\"value\":1}";
            next = at->first + 1;
        }
        if (bytes > limit_)
            return hk::error(hk::errc::body_too_large);
        if (!silent && at == records_.end() && !silent_tail_)
            next = latest_;
        return parse(list, cut ? std::optional<std::string>() : next_offset(what.offset, next), what);
    }

    std::map<std::int64_t, model_record> const& records() const { return records_; }
    std::int64_t earliest() const { return earliest_; }
    std::int64_t latest() const { return latest_; }
    bool has_silent_gaps() const { return silent_gaps_; }

    /// Whether the places of records say all of their times: none is wrong, and they rise.
    bool has_good_times() const { return wrong_times_ == 0 && disorder_ == 0; }

    /// The first record from the offset on.
    std::map<std::int64_t, model_record>::const_iterator first_from(std::int64_t offset) const
    {
        return records_.lower_bound(offset);
    }

private:
    enum class form : unsigned char
    {
        exact,
        asked,
        behind,
        absent,
        absurd,
    };

    static hk::error refusal(int status)
    {
        hk::diagnostics info;
        info.http_status = status;
        return hk::error(status == 500 ? hk::errc::service_failed : hk::errc::bad_request, info);
    }

    std::optional<std::string> next_offset(std::int64_t asked, std::int64_t next) const
    {
        switch (form_) {
        case form::exact: return std::to_string(next);
        case form::asked: return std::to_string(asked);
        case form::behind: return std::to_string(std::max<std::int64_t>(0, asked - 3));
        case form::absurd: return std::to_string(std::numeric_limits<std::int64_t>::max() - asked % 2);
        case form::absent: break;
        }
        return std::nullopt;
    }

    hk::result<hk::record_batch> parse(std::string const& list, std::optional<std::string> const& next,
                                       hk::detail::range_read const& what) const
    {
        hk::detail::byte_buffer body;
        body.append(bare_array_ ? "[" + list + "]" : "{\"records\":[" + list + "]}");
        auto const field = next ? std::optional<std::string_view>(*next) : std::nullopt;
        return hk::detail::parse_batch(std::move(body), field,
                                       hk::detail::batch_request(0, what.offset, what.count, what.end));
    }

    int cap_;   ///< What the service returns at most.
    int limit_; ///< What is taken at most.
    form form_;
    bool bare_array_;
    bool silent_gaps_; ///< Within gaps nothing is said of what is behind them;
    bool silent_tail_; ///< at least not in one at the end.
    int gaps_;
    int flaws_;
    int wrong_times_;
    int disorder_;
    std::int64_t earliest_ = 0;
    std::int64_t latest_ = 0;
    std::map<std::int64_t, model_record> records_;
};

} // namespace test

#endif
