// What a test has arranged to go wrong with reads: silence, and records that cannot be had.
#ifndef HDIKAFKA_DETAIL_EMULATOR_TROUBLE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_TROUBLE_HPP

#include <hdikafka/detail/emulator/options.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// As the number of requests that something befalls: more than there will ever be.
inline constexpr std::size_t emulator_forever = std::numeric_limits<std::size_t>::max();

} // namespace hdikafka::inline v0_1

namespace hdikafka::inline v0_1::detail::emulation {

/// Takes one of what is left; whether there was one.
inline bool take_one(std::size_t& left) noexcept
{
    if (left == 0)
        return false;
    --left;
    return true;
}

/// What is wrong with one partition.
class emulator_trouble
{
public:
    bool leaderless = false;

    /// The next `reads` reads that begin there are empty.
    void silence_at(std::int64_t offset, std::size_t reads) { silent_[offset] = reads; }

    /// The next `reads` reads that would give the record there have that status.
    void fail_at(std::int64_t offset, int status, std::size_t reads)
    {
        failing_[offset] = failure{status, reads};
    }

    /// Whether a read that begins there is empty. Each call is a read.
    bool take_silence(std::int64_t offset)
    {
        auto const found = silent_.find(offset);
        return found != silent_.end() && take_one(found->second);
    }

    /// The status of a read that would give the record there, or nothing. Each call is a read.
    std::optional<int> take_failure(std::int64_t offset)
    {
        auto const found = failing_.find(offset);
        if (found == failing_.end() || !take_one(found->second.reads))
            return std::nullopt;
        return found->second.status;
    }

private:
    class failure
    {
    public:
        int status = 500;
        std::size_t reads = 0;
    };

    std::map<std::int64_t, std::size_t> silent_; ///< Reads, by the offset at which they begin.
    std::map<std::int64_t, failure> failing_;
};

/// For how long, and whose reads are empty although there are records.
class emulator_silence
{
public:
    emulator_silence(std::string_view of, std::optional<std::int32_t> one, std::size_t count)
        : topic(of), partition(one), reads(count)
    {}

    std::string topic; ///< Empty for all.
    std::optional<std::int32_t> partition;
    std::size_t reads;
    std::optional<emulator_time> until;

    bool concerns(std::string_view read_topic, std::int64_t read_partition) const
    {
        return (topic.empty() || topic == read_topic) && (!partition || *partition == read_partition);
    }
    bool over(emulator_time now) const noexcept { return reads == 0 || (until && *until <= now); }
};

class emulator_silences
{
public:
    void add(emulator_silence silence) { list_.push_back(std::move(silence)); }
    void end() noexcept { list_.clear(); }

    /// Whether a read is empty. Each call is a read, which counts for one silence only.
    bool take(std::string_view topic, std::int64_t partition, emulator_time now)
    {
        std::erase_if(list_, [now](auto const& silence) { return silence.over(now); });
        for (auto& silence : list_)
            if (silence.concerns(topic, partition))
                return take_one(silence.reads);
        return false;
    }

private:
    std::vector<emulator_silence> list_;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
