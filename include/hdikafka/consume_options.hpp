// What a stream reads, and how.
#ifndef HDIKAFKA_CONSUME_OPTIONS_HPP
#define HDIKAFKA_CONSUME_OPTIONS_HPP

#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>
#include <hdikafka/version.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace hdikafka::inline v0_1 {

class checkpoint_store;

/// What a stream reads: from where, until where, and how.
class consume_options
{
public:
    /// Where to start: hk::earliest (the default), hk::latest, an offset, or a point in time
    /// (std::chrono::sys_time): the first record that is not older. That one is searched for by reading
    /// blocks of records, some fifteen for a million records, the same ones whatever parallelism() says.
    ///
    /// It is exact where timestamps rise with the offsets. A timestamp that is missing, 0 or negative says
    /// nothing, and one that is wrong misleads no search as long as those around it are right: then the start
    /// may be too early. Records out of order are found where they are less than 500 offsets away from their
    /// place. A record that is as new but lies further before all others of its time is not looked for. Where
    /// the service keeps silent or refuses reads the start is earlier. Without timestamps it is the earliest
    /// offset.
    consume_options& from(offset_spec start) & { return set(from_, start); }
    consume_options&& from(offset_spec start) && { return std::move(from(start)); }

    /// Where to start: as many offsets before the high watermark, or at the earliest offset if there are not
    /// so many. Offsets have gaps, so there may be fewer records.
    consume_options& from_end(std::int64_t offsets) & { return from(offset_spec::before_end(offsets)); }
    consume_options&& from_end(std::int64_t offsets) && { return std::move(from_end(offsets)); }

    /// Where to end, exclusive: hk::latest is the high watermark seen when the stream starts; an offset; or a
    /// point in time: before the record that from() would start at, as seen when the stream starts, and at
    /// the high watermark then where no record is that new. hk::earliest is refused with
    /// errc::invalid_option. Without it the stream never ends.
    consume_options& until(offset_spec end) & { return set(until_, end); }
    consume_options&& until(offset_spec end) && { return std::move(until(end)); }

    /// The most records that one read asks for; 500 by default. The service also caps a read at 6 MB.
    consume_options& max_records(std::int32_t count) & { return set(max_records_, count); }
    consume_options&& max_records(std::int32_t count) && { return std::move(max_records(count)); }

    /// How many connections read at the same time while the stream is far behind the end; 1 by default. The
    /// records come in offset order all the same.
    consume_options& parallelism(std::size_t connections) & { return set(parallelism_, connections); }
    consume_options&& parallelism(std::size_t connections) && { return std::move(parallelism(connections)); }

    /// How many answers of a partition are read ahead, on a connection of their own; 1 by default, 0 reads
    /// when next() is called and not before. At most parallelism() + read_ahead() answers of each partition
    /// are in memory, of about 2 MB each where max_records() allows it, or fewer where buffer_bytes() is
    /// small.
    consume_options& read_ahead(std::size_t answers) & { return set(read_ahead_, answers); }
    consume_options&& read_ahead(std::size_t answers) && { return std::move(read_ahead(answers)); }

    /// How many bytes the stream may hold, over all its partitions: the bodies of answers, whole, from when
    /// they may come until the last of their records has been handed over; 64 MiB by default, at least 1. For
    /// each read about twice what it is expected to bring is kept free; an answer that is larger is asked for
    /// again with fewer records. When there is no room, reads wait in the order in which they came, and
    /// nothing is read ahead. One answer may go beyond: when nothing else would lead on, the next read is
    /// made, and a single record may then be as large as http_limits::body() allows. Batches that were handed
    /// over are the program's, and do not count.
    consume_options& buffer_bytes(std::size_t bytes) & { return set(buffer_bytes_, bytes); }
    consume_options&& buffer_bytes(std::size_t bytes) && { return std::move(buffer_bytes(bytes)); }

    /// Of a topic's partitions only those whose number modulo `of` is `index`, also of those that are added
    /// later: each of `of` servers reads its share. By default all of them. For a stream over all partitions.
    ///
    /// In Kubernetes a StatefulSet gives each of its pods an ordinal: `.share(ordinal, replicas)`. There are
    /// no groups: nobody takes over what a server leaves while it is down. With a checkpoint_store that all
    /// servers share, `of` may be changed between two runs of all of them, and each goes on where the
    /// partition's last reader was; while servers with different `of` run at a time, some partitions are read
    /// twice.
    consume_options& share(std::int32_t index, std::int32_t of) &
    {
        share_index_ = index;
        return set(share_of_, of);
    }
    consume_options&& share(std::int32_t index, std::int32_t of) && { return std::move(share(index, of)); }

    /// What to do when the position is not, or no longer, in the partition: retention deleted it, or the
    /// topic became shorter. hk::fail, the default, is errc::offset_below_earliest or
    /// errc::offset_above_latest; hk::earliest and hk::latest go on from that watermark. An observer hears of
    /// the offsets that were lost (records_skipped).
    consume_options& on_out_of_range(out_of_range_policy what) & { return set(on_out_of_range_, what); }
    consume_options&& on_out_of_range(out_of_range_policy what) &&
    {
        return std::move(on_out_of_range(what));
    }

    /// What to do about records that the service has but does not return, such as one larger than its cap.
    /// hk::fail, the default, is errc::unreadable_record; hk::skip goes on behind them, and an observer hears
    /// of it (records_skipped).
    consume_options& on_unreadable(unreadable_policy what) & { return set(on_unreadable_, what); }
    consume_options&& on_unreadable(unreadable_policy what) && { return std::move(on_unreadable(what)); }

    /// How long the service must keep silent about a place, or refuse it, before that counts: then, if
    /// records behind it can be read, what is there is unreadable (see on_unreadable()); and if there are
    /// none, that is the end for until(hk::latest). 10 s by default: a service that is busy may answer with
    /// no records for a while although there are some.
    consume_options& unreadable_after(milliseconds silence) & { return set(unreadable_after_, silence); }
    consume_options&& unreadable_after(milliseconds silence) &&
    {
        return std::move(unreadable_after(silence));
    }

    /// How long to wait between reads at the end of the partition: at first `least` (100 ms by
    /// default), doubled while nothing arrives up to `most` (2 s), each pause up to a fifth shorter. A pause
    /// is followed by a read and a look at the watermarks; a new record is seen within one pause.
    consume_options& poll(milliseconds least, milliseconds most) &
    {
        poll_least_ = least;
        poll_most_ = most;
        return *this;
    }
    consume_options&& poll(milliseconds least, milliseconds most) && { return std::move(poll(least, most)); }

    /// How often a stream over all partitions looks for new ones; every minute by default.
    consume_options& refresh_partitions(milliseconds interval) &
    {
        return set(refresh_partitions_, interval);
    }
    consume_options&& refresh_partitions(milliseconds interval) &&
    {
        return std::move(refresh_partitions(interval));
    }

    /// Where commit() keeps how far the stream got, and where it goes on in the place of from(): each
    /// partition that has a checkpoint there, when the stream starts. A `file_checkpoint_store`, or a class
    /// of the program's own that is derived from `checkpoint_store`; the options hold a copy.
    ///
    /// Records that were handed over and not committed are read again after a restart (at-least-once).
    /// A partition that has no checkpoint starts where from() says, then as well: with hk::latest, what was
    /// written to it while the program was down is not read. A topic that was made anew is noticed
    /// when the checkpoint's last record is not where it was: that is
    /// treated as on_out_of_range() says, with errc::topic_recreated by default. Where records are without a
    /// timestamp, or that one is gone (retention, compaction), only a topic that became shorter is
    /// noticed.
    template <class Store>
        requires std::derived_from<Store, checkpoint_store>
    consume_options& checkpoint(Store store) &
    {
        return checkpoint(std::make_shared<Store>(std::move(store)));
    }
    template <class Store>
        requires std::derived_from<Store, checkpoint_store>
    consume_options&& checkpoint(Store store) &&
    {
        return std::move(checkpoint(std::make_shared<Store>(std::move(store))));
    }

    /// The same for a store that the program goes on using, or that cannot be copied.
    consume_options& checkpoint(std::shared_ptr<checkpoint_store> store) &
    {
        return set(checkpoint_, std::move(store));
    }
    consume_options&& checkpoint(std::shared_ptr<checkpoint_store> store) &&
    {
        return std::move(checkpoint(std::move(store)));
    }

    offset_spec from() const noexcept { return from_; }
    std::shared_ptr<checkpoint_store> const& checkpoint() const noexcept { return checkpoint_; }
    std::optional<offset_spec> until() const noexcept { return until_; }
    std::int32_t max_records() const noexcept { return max_records_; }
    std::size_t parallelism() const noexcept { return parallelism_; }
    std::size_t read_ahead() const noexcept { return read_ahead_; }
    std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
    /// The first argument of share().
    std::int32_t share_index() const noexcept { return share_index_; }
    /// The second argument of share().
    std::int32_t share_of() const noexcept { return share_of_; }
    milliseconds unreadable_after() const noexcept { return unreadable_after_; }
    out_of_range_policy on_out_of_range() const noexcept { return on_out_of_range_; }
    unreadable_policy on_unreadable() const noexcept { return on_unreadable_; }
    milliseconds refresh_partitions() const noexcept { return refresh_partitions_; }
    /// The first argument of poll(): at least 1 ms.
    milliseconds poll_least() const noexcept { return poll_least_; }
    /// The second argument of poll(): not less than the first.
    milliseconds poll_most() const noexcept { return poll_most_; }

private:
    template <class Member, class Value>
    consume_options& set(Member& member, Value&& value)
    {
        member = std::forward<Value>(value);
        return *this;
    }

    offset_spec from_ = hdikafka::earliest;
    std::optional<offset_spec> until_;
    std::int32_t max_records_ = 500;
    std::size_t parallelism_ = 1;
    std::size_t read_ahead_ = 1;
    std::size_t buffer_bytes_ = std::size_t{64} << 20;
    std::int32_t share_index_ = 0;
    std::int32_t share_of_ = 1;
    milliseconds unreadable_after_{10'000};
    out_of_range_policy on_out_of_range_ = fail;
    unreadable_policy on_unreadable_ = fail;
    milliseconds refresh_partitions_{60'000};
    milliseconds poll_least_{100};
    milliseconds poll_most_{2'000};
    std::shared_ptr<checkpoint_store> checkpoint_;
};

} // namespace hdikafka::inline v0_1

#endif
