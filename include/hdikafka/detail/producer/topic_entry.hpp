// What a producer knows of a topic whose partitions it chooses, and which records wait to know more.
#ifndef HDIKAFKA_DETAIL_PRODUCER_TOPIC_ENTRY_HPP
#define HDIKAFKA_DETAIL_PRODUCER_TOPIC_ENTRY_HPP

#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/producer/partition_choice.hpp>
#include <hdikafka/milliseconds.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

class topic_entry
{
public:
    topic_entry() = default;

    /// Whether the number of partitions is to be asked for: it is not known, or too old.
    bool needs_answer(send_time now, milliseconds lifetime) const
    {
        return !asking && (doubtful || !choice.known() || now - asked_at >= lifetime);
    }

    /// Whether an answer would serve anybody.
    bool wants_answer() const noexcept { return choice.known() || !unplaced.empty(); }

    partition_choice choice;
    pending_list unplaced;
    bool asking = false;
    bool doubtful = false; ///< The service has refused records of it.
    send_time asked_at;
    std::uint64_t ticket = 0;      ///< Of the question, see service_pace.
    unsigned failures = 0;         ///< In a row, of the question.
    send_time rests_until;         ///< After the last of them.
    std::list<waiter_ptr> waiting; ///< Who is about to ask, while he waits.
};

/// By name.
class topic_book
{
public:
    topic_book() = default;

    topic_entry* find(std::string_view name)
    {
        auto const found = topics_.find(name);
        return found == topics_.end() ? nullptr : &found->second;
    }
    topic_entry& at(std::string const& name) { return topics_.at(name); }

    /// That one, which is made if need be; others are forgotten then, if there are many.
    topic_entry& open(std::string const& name)
    {
        constexpr std::size_t known_topics = 1'000;
        if (topics_.size() >= known_topics && topics_.find(name) == topics_.end())
            std::erase_if(topics_, [](auto const& known) {
                return known.second.unplaced.empty() && !known.second.asking;
            });
        return topics_[name];
    }

    void forget(std::string const& name) { topics_.erase(name); }

    auto begin() noexcept { return topics_.begin(); }
    auto end() noexcept { return topics_.end(); }

private:
    std::map<std::string, topic_entry, std::less<>> topics_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
