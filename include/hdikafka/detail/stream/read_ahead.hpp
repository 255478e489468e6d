// One read of a partition, as a child of its reader.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_AHEAD_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_AHEAD_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A read that is made before somebody waits for it.
template <class Lazy>
class read_ahead final : public child<Lazy>, private header_listener
{
public:
    read_ahead(std::shared_ptr<partition_reader<Lazy>> reader, due_read due)
        : reader_(std::move(reader)),
          what_(due.what),
          asked_(reader_->partition_, what_.offset, what_.count, what_.end)
    {
        read_.kept = std::move(due.kept);
    }

    task run(operation_ptr op) override
    {
        begun_ = true;
        call_options options;
        options.request_id(reader_->ahead_.request_id());
        std::size_t const limit = read_.kept.bytes();
        auto const went_well = co_await reader_->fetch(op, options, asked_, this, read_);
        if (!went_well)
            co_return went_well;
        landed_ = true;
        if (reader_->exceeds(read_, limit))
            reader_->ahead_.exceeded(what_, limit);
        else
            reader_->ahead_.arrived(what_, std::move(read_));
        reader_->start_reads(false);
        co_return went_well;
    }

    void ended(result<void> const& outcome) noexcept override
    {
        if (!begun_)
            return reader_->ahead_.stop(); // the client is closed: whoever waits is told so, and asks no more
        if (landed_)
            return;
        if (outcome || outcome.error().code() == errc::closed)
            return reader_->ahead_.forgotten(what_.id);
        read_.kept.settle(0);
        read_.batch = outcome.error();
        reader_->ahead_.arrived(what_, std::move(read_));
    }

private:
    /// The next read starts as soon as the answer's header says from where.
    void header(response_parser const& answer) override
    {
        auto const next = parse_next_offset(answer.field("nextoffset"));
        if (answer.status() != 200 || !next || !next.value())
            return;
        reader_->ahead_.told(what_.id, *next.value());
        reader_->start_reads(false);
    }

    std::shared_ptr<partition_reader<Lazy>> const reader_;
    range_read const what_;
    batch_request const asked_;
    fetched read_;
    bool begun_ = false;
    bool landed_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
