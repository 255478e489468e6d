// One partition's records: the offsets, their gaps, and what retention leaves of them.
#ifndef HDIKAFKA_DETAIL_EMULATOR_LOG_HPP
#define HDIKAFKA_DETAIL_EMULATOR_LOG_HPP

#include <hdikafka/detail/emulator/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

/// A record as the emulator keeps it. Key and value are the JSON texts that were produced, or the text that
/// emulator::append_raw() was given.
class emulator_record
{
public:
    emulator_record() = default;

    std::optional<std::string> key; ///< Nothing when the record was produced without a key.
    std::string value;              ///< What was produced, byte for byte.
    std::int32_t partition = 0;     ///< Where it went.
    std::int64_t offset = 0;        ///< Its offset there.
    /// When it was appended, by the emulator's clock, or what emulator::append() was given; nothing when
    /// answers have none for it.
    std::optional<emulator_time> timestamp;
};

} // namespace hdikafka::inline v0_1

namespace hdikafka::inline v0_1::detail::emulation {

/// Records in ascending offsets between two watermarks: earliest() <= every offset < latest().
class emulator_log
{
public:
    using records = std::deque<emulator_record>;

    std::int64_t earliest() const noexcept { return earliest_; }
    std::int64_t latest() const noexcept { return latest_; }
    std::size_t bytes() const noexcept { return bytes_; }
    records const& all() const noexcept { return records_; }

    /// The first record at or after the offset.
    records::const_iterator at_or_after(std::int64_t offset) const
    {
        return std::ranges::lower_bound(records_, offset, {}, &emulator_record::offset);
    }

    /// Gives the record the next offset, which is returned.
    std::int64_t append(emulator_record record)
    {
        record.offset = latest_;
        bytes_ += size(record);
        records_.push_back(std::move(record));
        return latest_++;
    }

    /// Keeps the newest `count` records; as in Kafka the earliest offset is then that of the oldest left.
    void retain(std::size_t count)
    {
        if (records_.size() > count)
            trim(count == 0 ? latest_ : (records_.end() - static_cast<std::ptrdiff_t>(count))->offset);
    }

    /// Deletes everything before the offset, which becomes the earliest; bounded by the watermarks.
    void trim(std::int64_t offset)
    {
        offset = std::clamp(offset, earliest_, latest_);
        erase(records_.begin(), at_or_after(offset));
        earliest_ = offset;
    }

    /// Deletes everything from the offset on, which becomes the latest: an unclean leader election,
    /// or a topic that was made anew.
    void truncate(std::int64_t offset)
    {
        offset = std::clamp(offset, earliest_, latest_);
        erase(at_or_after(offset), records_.end());
        latest_ = offset;
    }

    /// Deletes the records from `first` up to and not including `last`, and leaves the watermarks
    /// alone, as compaction does.
    void compact(std::int64_t first, std::int64_t last)
    {
        if (first < last)
            erase(at_or_after(first), at_or_after(last));
    }

    /// Passes over `count` offsets, as transaction markers do.
    void skip(std::int64_t count) noexcept { latest_ += count; }

private:
    static std::size_t size(emulator_record const& record) noexcept
    {
        return sizeof(emulator_record) + record.value.size() + (record.key ? record.key->size() : 0);
    }

    void erase(records::const_iterator first, records::const_iterator last)
    {
        for (auto record = first; record != last; ++record)
            bytes_ -= size(*record);
        records_.erase(first, last);
    }

    records records_;
    std::int64_t earliest_ = 0;
    std::int64_t latest_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
