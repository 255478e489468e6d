// Whether a topic is still the one that a checkpoint was made for. A pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_CHECKPOINT_EVIDENCE_HPP
#define HDIKAFKA_DETAIL_STREAM_CHECKPOINT_EVIDENCE_HPP

#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/error.hpp>

#include <cstdint>
#include <string>

namespace hdikafka::inline v0_1::detail {

/// The last record that was handed over before the checkpoint.
class checkpoint_evidence
{
public:
    enum class step : unsigned char
    {
        wait,    ///< Ask again after a pause,
        look,    ///< or when the watermarks are known,
        report,  ///< or when somebody reads on: the service's own error is told.
        none,    ///< It says nothing: it may have been compacted away.
        another, ///< There is another record.
    };

    checkpoint_evidence() = default;
    checkpoint_evidence(std::int64_t offset, std::int64_t time) : offset_(offset), time_(time) {}

    std::int64_t offset() const noexcept { return offset_; }

    step answered(plan_event const& event) noexcept
    {
        constexpr int most_tries = 3;
        refused_ = false;
        if (!event.first && ++tries_ < most_tries)
            return step::wait;
        bool const same = event.first != offset_ || !event.time || event.time == time_;
        return same ? step::none : step::another;
    }

    step refused(plan_event const& event) noexcept
    {
        if (event.why != plan_event::refusal_cause::service)
            return step::none;
        refused_ = !refused_; // told once; whoever reads on then has the watermarks asked again
        return refused_ ? step::look : step::report;
    }

    /// There was no leader to answer.
    void lost_leader() noexcept { refused_ = false; }

    error recreated() const
    {
        return error(errc::topic_recreated, "the record at offset " + std::to_string(offset_) +
                                                " is not the one that the checkpoint was made for");
    }

private:
    std::int64_t offset_ = 0;
    std::int64_t time_ = 0; ///< When it was written, in milliseconds since 1970.
    int tries_ = 0;
    bool refused_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
