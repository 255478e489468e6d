// Which topics a client has seen a moment ago.
#ifndef HDIKAFKA_DETAIL_CLIENT_SEEN_TOPICS_HPP
#define HDIKAFKA_DETAIL_CLIENT_SEEN_TOPICS_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Of these a "not found" comes from a node whose cache is behind. Thread-safe; costs a client that creates
/// and awaits no topics a look at one flag.
template <class = void>
class seen_topics
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// How long a moment is: caches are behind by seconds.
    static constexpr std::chrono::seconds moment{10};

    /// More are not kept: whoever makes so many at once is past the first when the last is there.
    static constexpr std::size_t most = 256;

    void add(std::string topic, time_point now)
    {
        std::lock_guard const lock(mutex_);
        drop(topic);
        if (seen_.size() == most)
            seen_.erase(seen_.begin());
        seen_.emplace_back(std::move(topic), now);
        any_ = true;
    }

    /// It was deleted.
    void remove(std::string_view topic)
    {
        if (!any_)
            return;
        std::lock_guard const lock(mutex_);
        drop(topic);
        any_ = !seen_.empty();
    }

    bool contains(std::string_view topic) const
    {
        return any_.load(std::memory_order_relaxed) && contains(topic, std::chrono::steady_clock::now());
    }

    bool contains(std::string_view topic, time_point now) const
    {
        std::lock_guard const lock(mutex_);
        auto const fresh = [now](entry const& one) { return now - one.second <= moment; };
        seen_.erase(seen_.begin(), std::ranges::find_if(seen_, fresh));
        any_ = !seen_.empty();
        return std::ranges::find(seen_, topic, &entry::first) != seen_.end();
    }

private:
    using entry = std::pair<std::string, time_point>;

    void drop(std::string_view topic)
    {
        auto const known = std::ranges::find(seen_, topic, &entry::first);
        if (known != seen_.end())
            seen_.erase(known);
    }

    mutable std::mutex mutex_;
    mutable std::vector<entry> seen_; // oldest first
    mutable std::atomic<bool> any_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
