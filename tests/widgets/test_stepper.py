"""Previous, slider, next."""

import pytest
import traitlets as t

from asm_interp.widgets.stepper import Stepper


def test_buttons_and_slider_move_one_number() -> None:
    stepper = Stepper("Photo")
    stepper.count = 3
    assert (stepper.slider.value, stepper.slider.max) == (1, 3)
    stepper.after.click()
    assert (stepper.value, stepper.slider.value) == (1, 2)
    stepper.before.click()
    stepper.before.click()
    assert (stepper.value, stepper.slider.value) == (2, 3)
    stepper.after.click()
    assert stepper.value == 0
    stepper.slider.value = 2
    assert stepper.value == 1


def test_there_is_nothing_beyond_the_last() -> None:
    stepper = Stepper("Photo")
    with pytest.raises(t.TraitError, match="from 0 to 0, got 1"):
        stepper.value = 1
