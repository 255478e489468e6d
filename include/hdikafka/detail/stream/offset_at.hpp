// The client's offset_at(): the search for a point in time without a stream.
#ifndef HDIKAFKA_DETAIL_STREAM_OFFSET_AT_HPP
#define HDIKAFKA_DETAIL_STREAM_OFFSET_AT_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/client.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/operations.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/patient_search.hpp>
#include <hdikafka/detail/stream/plan_pauses.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_outcome.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

/// offset_at(), for run_call().
template <class Lazy>
class offset_question
{
public:
    offset_question(call_label about, std::int32_t partition, offset_spec time, call_options options)
        : about_(std::move(about)), partition_(partition), time_(time), options_(std::move(options))
    {}

    call_label const& label() const
    {
        auto checked = check_topic(about_.topic);
        if (checked)
            checked = check_partition(partition_);
        if (!checked)
            throw error(checked.error().code(), about_.describe(), checked.error().cause());
        return about_;
    }

    task begin(operation_ptr op, client_ptr owner, call_answer&)
    {
        auto outcome = co_await look(op, owner);
        if (!outcome)
            co_return outcome;
        patient_search search(time_, marks_, consume_options().unreadable_after());
        plan_pauses pauses(consume_options().poll_least(), consume_options().poll_most());
        while (!search.done()) {
            plan_event seen;
            outcome = co_await probe(op, owner, search, seen);
            if (!outcome)
                co_return outcome;
            auto next = seen.what == plan_event::kind::refusal ? search.refused(seen) : search.answered(seen);
            if (next == patient_search::step::look) {
                outcome = co_await look(op, owner);
                if (!outcome)
                    co_return outcome;
                next = search.looked(marks_);
            }
            if (next != patient_search::step::wait) {
                pauses.shorten();
                continue;
            }
            milliseconds const pause = pauses.begin();
            bool const in_time = co_await op->rest(steady_clock::now() + pause);
            if (!in_time)
                co_return error(op->stopped(), about_.describe(), "the service says nothing of its records");
            search.waited(pause);
        }
        found_ = search.found();
        co_return outcome;
    }

    std::int64_t read(call_answer&) const noexcept { return found_; }

private:
    task look(operation_ptr op, client_ptr owner)
    {
        auto request =
            rest_calls<Lazy>(*owner, about_.operation, options_).partition(about_.topic, partition_);
        partition_info seen;
        auto asked = co_await ask(op, owner, std::move(request), &parse_partition<Lazy>, seen);
        if (asked && !seen.available()) {
            diagnostics info = about_.describe();
            info.retriable(true);
            co_return error(errc::service_failed, std::move(info),
                            "the partition cannot be read at the moment: it has no leader");
        }
        marks_.earliest = seen.earliest_offset;
        marks_.latest = seen.latest_offset;
        co_return asked;
    }

    /// The search's next read. Fails with what is not about the records.
    task probe(operation_ptr op, client_ptr owner, patient_search const& search, plan_event& seen)
    {
        plan_action due;
        search.ask(due);
        batch_request const asked(partition_, due.offset, due.count, due.end);
        auto const request = rest_calls<Lazy>(*owner, about_.operation, options_).fetch(about_.topic, asked);
        if (!request)
            co_return request.error();
        call_answer answer;
        auto const read = co_await call<Lazy>(op, owner->http(), *request.value(), answer);
        if (!read && op->stopped())
            co_return read;
        auto const batch = read ? read_batch<Lazy>(answer, asked) : result<record_batch>(read.error());
        record_batch none;
        seen = judge<Lazy>(due, batch, none);
        if (seen.what == plan_event::kind::nothing)
            co_return batch.error();
        co_return result<void>();
    }

    call_label about_;
    std::int32_t partition_;
    offset_spec time_;
    call_options options_;
    plan_event marks_;
    std::int64_t found_ = 0;
};

} // namespace detail

template <class Lazy>
net::awaitable<std::int64_t> basic_client<Lazy>::find_offset(std::string topic, std::int32_t partition,
                                                             offset_spec at, call_options options) const
{
    detail::call_label about("offset_at", std::move(topic));
    about.request_id = core_->identify(options);
    auto const limit = options.timeout();
    return detail::run_call(
        core_, limit, detail::offset_question<Lazy>(std::move(about), partition, at, std::move(options)));
}

} // namespace hdikafka::inline v0_1

#endif
