// How many bytes a stream holds, and whether a read may bring more: a pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_BYTE_BUDGET_HPP
#define HDIKAFKA_DETAIL_STREAM_BYTE_BUDGET_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// What is held and what reads under way have reserved is never more than the budget, but for one read that
/// favour() let pass. Not synchronised.
class byte_budget
{
public:
    explicit byte_budget(std::size_t most) noexcept : most_(most) {}

    /// Whether a read that brings at most `bytes` begins now; they are reserved then. One that is `needed`
    /// and must wait stands in line, each partition once; others are not to pass it.
    bool admit(std::int32_t who, std::size_t bytes, bool needed)
    {
        bool const first = line_.empty() || (needed && line_.front().who == who);
        bool const granted = (first && fits(bytes)) || (needed && favoured_ == who);
        if (granted) {
            used_ += bytes;
            ++under_way_;
        }
        if (needed && granted)
            leave(who);
        else if (needed)
            wait(who, bytes);
        return granted;
    }

    /// Of a read that has ended only `held` bytes of those that it had reserved stay.
    void arrived(std::size_t reserved, std::size_t held) noexcept
    {
        --under_way_;
        used_ = used_ - reserved + held;
    }

    void given_back(std::size_t held) noexcept { used_ -= held; }

    /// Who waits in line no longer.
    void leave(std::int32_t who)
    {
        std::erase_if(line_, [who](waiting const& one) { return one.who == who; });
        if (favoured_ == who)
            favoured_.reset();
    }

    /// Whose read would begin now if it was asked for once more.
    std::optional<std::int32_t> next_in_line() const
    {
        if (line_.empty() || (!fits(line_.front().bytes) && favoured_ != line_.front().who))
            return std::nullopt;
        return line_.front().who;
    }

    /// To be called when nothing is left to do that might give something back. Whether the first in line may
    /// begin then, however much its read brings: not while another read may still end.
    bool favour()
    {
        if (line_.empty() || under_way_ != 0)
            return false;
        favoured_ = line_.front().who;
        return true;
    }

    bool anybody_waits() const noexcept { return !line_.empty(); }
    std::size_t used() const noexcept { return used_; }
    std::size_t under_way() const noexcept { return under_way_; }

private:
    class waiting
    {
    public:
        std::int32_t who = 0;
        std::size_t bytes = 0;
    };

    bool fits(std::size_t bytes) const noexcept { return bytes <= most_ && used_ <= most_ - bytes; }

    void wait(std::int32_t who, std::size_t bytes)
    {
        auto const found = std::ranges::find(line_, who, &waiting::who);
        if (found != line_.end()) {
            found->bytes = bytes;
            return;
        }
        waiting last;
        last.who = who;
        last.bytes = bytes;
        line_.push_back(last);
    }

    std::size_t most_;
    std::size_t used_ = 0; ///< Held or reserved.
    std::size_t under_way_ = 0;
    std::deque<waiting> line_;
    std::optional<std::int32_t> favoured_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
