// When a topic that somebody waits for is there: a pure decision.
#ifndef HDIKAFKA_DETAIL_CLIENT_TOPIC_WAIT_PLAN_HPP
#define HDIKAFKA_DETAIL_CLIENT_TOPIC_WAIT_PLAN_HPP

#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// How long to wait for the proxy's cached metadata before looking at it again.
class metadata_pause
{
public:
    milliseconds next() noexcept { return std::exchange(pause_, std::min(pause_ * 2, longest)); }

private:
    static constexpr milliseconds longest{5'000};
    milliseconds pause_{100};
};

/// Is told of one look after the other. Several nodes answer for a cluster, each from a cache of its own, and
/// a connection leads to one of them: the topic is there when several looks in a row, over different
/// connections, have seen it with partitions that can all be used.
class topic_wait_plan
{
public:
    static constexpr int looks_in_row = 3;

    topic_wait_plan() = default;

    /// The topic did not show.
    void missed()
    {
        row_ = 0;
        missing_ =
            shown_ ? "the topic does not show over every connection yet" : "the topic does not show yet";
    }

    /// It did, with these partitions.
    void saw(std::vector<partition_info> const& partitions)
    {
        shown_ = true;
        missing_ = partitions.empty() ? "the topic shows no partitions yet" : unusable(partitions);
        row_ = missing_.empty() ? row_ + 1 : 0;
        if (missing_.empty() && !done())
            missing_ = "only " + std::to_string(row_) + " of " + std::to_string(looks_in_row) +
                       " looks in a row have seen the topic";
    }

    bool done() const noexcept { return row_ == looks_in_row; }

    /// Whether the next look is to go over a connection of its own.
    bool goes_elsewhere() const noexcept { return row_ != 0; }

    /// How long to wait before it: within a row, not at all.
    milliseconds pause() noexcept { return row_ != 0 ? milliseconds(0) : pause_.next(); }

    /// What kept it from being there at the last look.
    std::string const& missing() const noexcept { return missing_; }

private:
    /// Names the partitions that cannot be used; empty when all can.
    static std::string unusable(std::vector<partition_info> const& partitions)
    {
        constexpr std::size_t most = 5;
        std::string named;
        std::size_t count = 0;
        for (partition_info const& one : partitions)
            if (!one.available() && ++count <= most)
                named += (count == 1 ? " " : ", ") + std::to_string(one.id);
        if (count == 0)
            return std::string();
        if (count > most)
            named += " and " + std::to_string(count - most) + " more";
        return (count == 1 ? "partition" : "partitions") + named + " cannot be used yet: no leader";
    }

    metadata_pause pause_;
    int row_ = 0; // looks that have seen all of it, one after the other
    bool shown_ = false;
    std::string missing_ = "no look was answered";
};

} // namespace hdikafka::inline v0_1::detail

#endif
