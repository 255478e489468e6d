// What an operation meets on its way without ending for it.
#ifndef HDIKAFKA_DETAIL_RUN_SETBACKS_HPP
#define HDIKAFKA_DETAIL_RUN_SETBACKS_HPP

#include <hdikafka/error.hpp>

namespace hdikafka::inline v0_1::detail {

class setback_listener
{
public:
    /// In the operation's turn: an attempt at its work has failed like this; another one may follow.
    virtual void setback(error const& failure) = 0;

protected:
    ~setback_listener() = default;
};

/// A part of an operation. Costs a look at one pointer when nobody listens.
class setbacks
{
public:
    /// Until the operation's end, which `who` outlives.
    void tell_setbacks_to(setback_listener& who) noexcept { listener_ = &who; }

    void setback(error const& failure) const
    {
        if (listener_)
            listener_->setback(failure);
    }

private:
    setback_listener* listener_ = nullptr;
};

} // namespace hdikafka::inline v0_1::detail

#endif
