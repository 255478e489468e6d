// What a produce returns: what became of each record.
#ifndef HDIKAFKA_RECEIPT_HPP
#define HDIKAFKA_RECEIPT_HPP

#include <hdikafka/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// What became of one record of a produce.
class record_outcome
{
public:
    record_outcome() = default;
    /// An outcome without a place.
    explicit record_outcome(persistence state) : persisted(state) {}

    persistence persisted = persistence::none; ///< Whether the record is in the topic.
    std::optional<std::int32_t> partition;     ///< Where it went, if the answer says so.
    std::optional<std::int64_t> offset;        ///< Its offset, if the answer says so.
    std::optional<hdikafka::error> failure;    ///< What the service says went wrong with this record.
};

/// The answer to one produce, record by record in the order they were given. A receipt exists for
/// every 200; it can still say that single records failed. The service may leave partitions and
/// offsets out, hence the optionals. An index past size() throws std::out_of_range.
class receipt
{
public:
    receipt() = default;
    /// Made by client::produce(); here for tests of what reads receipts.
    explicit receipt(std::vector<record_outcome> outcomes) : outcomes_(std::move(outcomes)) {}

    /// How many records were given to produce.
    std::size_t size() const noexcept { return outcomes_.size(); }

    /// Whether this record is in the topic.
    persistence persisted(std::size_t index) const { return outcomes_.at(index).persisted; }
    /// The partition that this record went to.
    std::optional<std::int32_t> partition(std::size_t index) const { return outcomes_.at(index).partition; }
    /// The offset that this record got.
    std::optional<std::int64_t> offset(std::size_t index) const { return outcomes_.at(index).offset; }
    /// What the service says went wrong with this record.
    std::optional<hdikafka::error> error(std::size_t index) const { return outcomes_.at(index).failure; }

    /// Whether the service reports an error for any of the records.
    bool has_error() const noexcept
    {
        return std::ranges::any_of(outcomes_, [](auto const& one) { return one.failure.has_value(); });
    }

    /// All records together: `done` only if all are, `none` only if none is written, else `possibly`.
    persistence persisted() const noexcept
    {
        std::size_t done = 0;
        std::size_t none = 0;
        for (auto const& one : outcomes_) {
            done += one.persisted == persistence::done ? 1 : 0;
            none += one.persisted == persistence::none ? 1 : 0;
        }
        if (none == outcomes_.size())
            return persistence::none;
        return done == outcomes_.size() ? persistence::done : persistence::possibly;
    }

private:
    std::vector<record_outcome> outcomes_;
};

} // namespace hdikafka::inline v0_1

#endif
