// Since when, and until when, the management nodes' metadata shows a topic.
#ifndef HDIKAFKA_DETAIL_EMULATOR_VISIBILITY_HPP
#define HDIKAFKA_DETAIL_EMULATOR_VISIBILITY_HPP

#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>

namespace hdikafka::inline v0_1::detail::emulation {

/// The longest that anything takes: a longer time is as good as for ever, and would overflow clocks.
inline constexpr milliseconds emulator_longest = std::chrono::hours(24 * 365 * 1'000);

/// After that time, of whatever length.
inline emulator_time later(emulator_time now, milliseconds time) noexcept
{
    return now + std::min(time, emulator_longest);
}

/// Who is asked, and when. Nodes count from 0.
class emulator_view
{
public:
    emulator_view(emulator_time time, std::size_t asked = 0) noexcept : now(time), node(asked) {}

    emulator_time now;
    std::size_t node;
};

/// Of one topic.
class emulator_visibility
{
public:
    emulator_visibility() = default;
    explicit emulator_visibility(emulator_time shown_from) : changed_(shown_from) {}

    /// All nodes show it, and always did.
    static emulator_visibility everywhere()
    {
        emulator_visibility out;
        out.everywhere_ = true;
        return out;
    }

    bool shown(emulator_view const& view, emulator_quirks const& quirks) const
    {
        bool const knows = everywhere_ || learned(view, quirks);
        return deleted_ ? knew_.contains(view.node) && !knows : knows;
    }

    /// A node was asked something that concerns the topic.
    void looked(std::size_t node) { ++looks_[node]; }

    /// The topic was deleted; those who show it will do so until they learn of it, the first of them at
    /// `shown_until`.
    void remove(emulator_time now, emulator_time shown_until, emulator_quirks const& quirks)
    {
        std::set<std::size_t> knew;
        for (std::size_t node = 0; node < quirks.nodes(); ++node)
            if (shown({now, node}, quirks))
                knew.insert(node);
        knew_ = std::move(knew);
        deleted_ = true;
        everywhere_ = false;
        changed_ = shown_until;
        looks_.clear();
    }

    bool shown_anywhere(emulator_time now, emulator_quirks const& quirks) const
    {
        for (std::size_t node = 0; node < quirks.nodes(); ++node)
            if (shown({now, node}, quirks))
                return true;
        return false;
    }

private:
    /// Whether the node knows of the last change.
    bool learned(emulator_view const& view, emulator_quirks const& quirks) const
    {
        auto const late =
            static_cast<milliseconds::rep>(view.node) * std::min(quirks.node_delay(), emulator_longest);
        if (view.now < changed_ + late)
            return false;
        if (view.node == 0 || quirks.node_looks() == 0)
            return true;
        auto const looks = looks_.find(view.node);
        return looks != looks_.end() && looks->second >= quirks.node_looks();
    }

    emulator_time changed_; ///< When the first node learned, or will learn, of the last change.
    bool everywhere_ = false;
    bool deleted_ = false;
    std::set<std::size_t> knew_;               ///< The nodes that showed it when it was deleted.
    std::map<std::size_t, std::size_t> looks_; ///< Since the last change, by node.
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
