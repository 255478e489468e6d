// A list whose links lie in its elements.
#ifndef HDIKAFKA_DETAIL_BASE_LINKED_LIST_HPP
#define HDIKAFKA_DETAIL_BASE_LINKED_LIST_HPP

#include <hdikafka/version.hpp>

namespace hdikafka::inline v0_1::detail {

/// The links of an element, which it inherits.
class list_link
{
public:
    list_link() = default;
    list_link(list_link const&) = delete;
    list_link& operator=(list_link const&) = delete;

    bool linked() const noexcept { return before_ != nullptr; }

protected:
    ~list_link() = default;

private:
    template <class T>
    friend class linked_list;

    list_link* before_ = nullptr;
    list_link* after_ = nullptr;
};

/// Owns nothing: an element leaves the list before it dies. Joining and leaving allocate nothing, search
/// nothing and cannot fail.
template <class T>
class linked_list
{
public:
    linked_list() noexcept { ends_.before_ = ends_.after_ = &ends_; }

    bool empty() const noexcept { return ends_.after_ == &ends_; }

    void push_back(T& element) noexcept { put_before(ends_, element); }

    /// Puts it right before `next`, or at the end when that is null.
    void insert(T* next, T& element) noexcept
    {
        list_link& place = next ? static_cast<list_link&>(*next) : ends_;
        put_before(place, element);
    }

    void remove(T& element) noexcept
    {
        list_link& link = element;
        link.before_->after_ = link.after_;
        link.after_->before_ = link.before_;
        link.before_ = link.after_ = nullptr;
    }

    /// Only when there is one.
    T& front() const noexcept { return static_cast<T&>(*ends_.after_); }
    T& back() const noexcept { return static_cast<T&>(*ends_.before_); }

    /// The one behind `element`; null at the end.
    T* after(T const& element) const noexcept
    {
        list_link const& link = element;
        return link.after_ == &ends_ ? nullptr : static_cast<T*>(link.after_);
    }

    /// Takes the element at that end out and gives it.
    T& pop_front() noexcept { return popped(front()); }
    T& pop_back() noexcept { return popped(back()); }

private:
    static void put_before(list_link& place, list_link& link) noexcept
    {
        link.before_ = place.before_;
        link.after_ = &place;
        link.before_->after_ = link.after_->before_ = &link;
    }

    T& popped(T& element) noexcept
    {
        remove(element);
        return element;
    }

    class ends : public list_link
    {
    } ends_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
