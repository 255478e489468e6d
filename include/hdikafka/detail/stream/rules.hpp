// What the options of a stream come to: whether they make sense, where it begins, how many connections it
// has.
#ifndef HDIKAFKA_DETAIL_STREAM_RULES_HPP
#define HDIKAFKA_DETAIL_STREAM_RULES_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// What is wrong with the options, if anything.
inline std::optional<error> check_consume(consume_options const& options)
{
    using anchor = offset_spec::anchor;
    auto const negative = [](offset_spec at) {
        return (at.which() == anchor::exact || at.which() == anchor::before_end) && at.offset() < 0;
    };
    if (negative(options.from()))
        return error(errc::invalid_offset, "from() is a negative offset");
    if (options.until() && negative(*options.until()))
        return error(errc::invalid_offset, "until() is a negative offset");
    if (options.until() && options.until()->which() != anchor::end &&
        options.until()->which() != anchor::exact)
        return error(errc::invalid_option, "a stream ends at the latest offset or at an offset");
    constexpr std::size_t most = 1024;
    if (options.parallelism() < 1 || options.parallelism() > most || options.read_ahead() > most)
        return error(errc::invalid_option, "parallelism() is not 1 to 1024, or read_ahead() not 0 to 1024");
    if (options.max_records() < 1)
        return error(errc::invalid_count, "max_records() is less than 1");
    if (options.refresh_partitions() <= milliseconds(0))
        return error(errc::invalid_option, "refresh_partitions() is not positive");
    if (options.poll_least() <= milliseconds(0) || options.poll_most() < options.poll_least())
        return error(errc::invalid_option, "poll() needs 0 < least <= most");
    return std::nullopt;
}

/// Where a stream begins; one that begins at a point in time has yet to look for it from there.
inline std::int64_t start_position(offset_spec from, std::int64_t earliest_now,
                                   std::int64_t latest_now) noexcept
{
    using anchor = offset_spec::anchor;
    switch (from.which()) {
    case anchor::exact: return from.offset();
    case anchor::end: return latest_now;
    case anchor::before_end: return std::max(earliest_now, latest_now - from.offset());
    case anchor::beginning:
    case anchor::time: break;
    }
    return earliest_now;
}

/// How many connections read at the same time; a read ahead has one of its own.
inline std::size_t connections_of(consume_options const& options) noexcept
{
    return std::max(options.parallelism(), std::min<std::size_t>(options.read_ahead(), 1) + 1);
}

} // namespace hdikafka::inline v0_1::detail

#endif
