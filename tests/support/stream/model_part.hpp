// A partition of a stream over several, and how far its reader has got: for the model test of such streams.
#ifndef HDIKAFKA_TESTS_SUPPORT_MODEL_PART_HPP
#define HDIKAFKA_TESTS_SUPPORT_MODEL_PART_HPP

#include "support/stream/model_service.hpp"

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/partition_plan.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/detail/stream/stream_desk.hpp>
#include <hdikafka/record_batch.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace test {

using namespace hk::detail;

class part
{
public:
    part(random_engine& random, desk_ptr desk, std::int32_t number, hk::consume_options const& options)
        : id(number),
          service(random),
          weight(static_cast<std::size_t>(1 + up_to(random, 2'000))),
          plan(options),
          ahead(std::move(desk), number, options)
    {}

    std::int32_t id;
    model_service service;
    std::size_t weight; ///< Of a record, in bytes.
    partition_plan plan;
    reads_ahead<> ahead;
    plan_action action;
    plan_event event;
    std::vector<due_read> under_way;
    bool waits = false; ///< Whoever follows the plan waits for a read.
    bool paused = false;
    hk::record_batch arrived;
    allowance<> kept;       ///< What that takes of the budget.
    hk::record_batch rest;  ///< What next_record() has left,
    allowance<> rest_kept;  ///< and what it takes.
    std::size_t passed = 0; ///< Batches of others since it has something.
    std::int64_t expected = 0;
    std::int64_t expected_behind_rest = 0; ///< What was passed over lies behind that.
    bool was_paused = false;
    int reports = 0;
    bool over = false; ///< By an error that stays.

    /// The watermarks as they are now, if there are any. Whether that is new to the reader.
    bool look()
    {
        plan_event const now = service.look();
        bool const same = known && known->what == now.what && known->earliest == now.earliest &&
                          known->latest == now.latest;
        known = now;
        return !same;
    }

    std::optional<plan_event> known; ///< Of the watermarks, at the last look.
};

} // namespace test

#endif
