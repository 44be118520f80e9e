"""Plans and the sentences that a person wrote for them, in both languages. Nothing here is computed."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    plan: dict[str, Any]
    en: str
    km: str
    form: str = "oral"
    unit: str = "tablet"


def said(en: str, km: str, form: str = "oral", unit: str = "tablet", **segment: Any) -> Case:
    """A plan of one segment: 1 at 08:00 from 2026-11-20, unless it says otherwise."""
    eight = {"start": "2026-11-20", "time_rule": {"type": "times", "times": ["08:00"]}, "dose": 1}
    return Case({"segments": [{**eight, **segment}]}, en, km, form, unit)


def slots(morn: Any = None, noon: Any = None, eve: Any = None, night: Any = None) -> dict[str, Any]:
    return {"type": "slots", "doses": {"MORN": morn, "NOON": noon, "EVE": eve, "NIGHT": night}}


def meals(relation: str, *names: str, **offset: int) -> dict[str, Any]:
    return {"type": "meals", "relation": relation, "meals": list(names), **offset}


TIMES = (
    said("Take 2 tablets in the morning and 1 tablet in the evening, for 7 days.",
         "លេប 2 គ្រាប់ ពេលព្រឹក និង 1 គ្រាប់ ពេលល្ងាច រយៈពេល 7 ថ្ងៃ។",
         time_rule=slots(2, None, 1, None), dose=None, days=7),
    said("Take 1 tablet in the morning, half a tablet at noon, 1 tablet in the evening, and 2 tablets at night, "
         "every day.",
         "លេប 1 គ្រាប់ ពេលព្រឹក, កន្លះគ្រាប់ ពេលថ្ងៃត្រង់, 1 គ្រាប់ ពេលល្ងាច និង 2 គ្រាប់ ពេលយប់ រាល់ថ្ងៃ។",
         time_rule=slots(1, "0.5", 1, 2), dose=None),
    said("Take 1 tablet every day in the morning and in the evening.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ ពេលព្រឹក និង ពេលល្ងាច។", time_rule=slots(1, 0, 1, 0)),
    said("Take 2 tablets every day in the morning.", "លេប 2 គ្រាប់ រាល់ថ្ងៃ ពេលព្រឹក។",
         time_rule=slots(2), dose=5),
    said("Take 1 capsule at night, for 1 day.", "លេប 1 កាប់ស៊ុល ពេលយប់ រយៈពេល 1 ថ្ងៃ។", unit="capsule",
         time_rule=slots(night=1), days=1),
    said("Drink 2.5 ml every day at 00:00 (night), 12:30 (noon), and 15:00 (afternoon).",
         "ផឹក 2.5 មីលីលីត្រ រាល់ថ្ងៃ នៅម៉ោង 00:00 យប់, 12:30 ថ្ងៃត្រង់ និង 15:00 រសៀល។", unit="ml",
         time_rule={"type": "times", "times": ["00:00", "12:30", "15:00"]}, dose="2.5"),
    said("Take 1 tablet every day 30 minutes before breakfast and dinner.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ 30 នាទីមុនបាយព្រឹក និង បាយល្ងាច។",
         time_rule=meals("before", "breakfast", "dinner", offset_min=30)),
    said("Take 1 tablet every day 1 hour and 30 minutes after lunch.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ 1 ម៉ោង និង 30 នាទីក្រោយបាយថ្ងៃត្រង់។", time_rule=meals("after", "lunch", offset_min=90)),
    said("Take 1 tablet every day before going to bed.", "លេប 1 គ្រាប់ រាល់ថ្ងៃ មុនចូលគេង។",
         time_rule=meals("before", "bed")),
    said("Take 1 tablet every day after waking up.", "លេប 1 គ្រាប់ រាល់ថ្ងៃ ក្រោយភ្ញាក់ពីគេង។",
         time_rule=meals("after", "wake")),
    said("Take 1 tablet every day just before lunch.", "លេប 1 គ្រាប់ រាល់ថ្ងៃ មុនបាយថ្ងៃត្រង់បន្តិច។",
         time_rule=meals("before", "lunch", offset_min=0)),
    said("Take 1 tablet every day right after lunch.", "លេប 1 គ្រាប់ រាល់ថ្ងៃ ក្រោយបាយថ្ងៃត្រង់ភ្លាម។",
         time_rule=meals("after", "lunch", offset_min=0)),
    said("Take 1 tablet every day on waking up, with breakfast, with lunch, with dinner, and at bedtime.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ ពេលភ្ញាក់ពីគេង, ពេលបាយព្រឹក, ពេលបាយថ្ងៃត្រង់, ពេលបាយល្ងាច និង ពេលចូលគេង។",
         time_rule=meals("with", "wake", "breakfast", "lunch", "dinner", "bed")),
    said("Put in 2 drops every 4 hours from 06:00 (morning) to 22:00 (night), every day.",
         "បន្តក់ 2 ដំណក់ រៀងរាល់ 4 ម៉ោងម្តង ចាប់ពីម៉ោង 06:00 ព្រឹក ដល់ម៉ោង 22:00 យប់ រាល់ថ្ងៃ។", "topical", "drop",
         time_rule={"type": "every_in_window", "every_minutes": 240, "from": "06:00", "to": "22:00"}, dose=2),
    said("Inhale 2 puffs 3 times a day, for 5 days.", "ស្រូប 2 ដង ក្នុងម្តងៗ 3 ដងក្នុងមួយថ្ងៃ រយៈពេល 5 ថ្ងៃ។",
         "inhaler", "puff", time_rule={"type": "frequency", "per_day": 3}, dose=2, days=5),
    said("Take 1 tablet 1 time a day, every Sunday.", "លេប 1 គ្រាប់ ក្នុងម្តងៗ 1 ដងក្នុងមួយថ្ងៃ រៀងរាល់ថ្ងៃអាទិត្យ។",
         time_rule={"type": "frequency", "per_day": 1}, day_rule={"type": "weekdays", "days": ["sun"]}),
)

HOURS = (
    said("Inject 10 ml every 8 hours, from 20 November 2026 at 06:00 (morning), up to and including 24 November 2026.",
         "ចាក់ 10 មីលីលីត្រ រៀងរាល់ 8 ម៉ោងម្តង ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ម៉ោង 06:00 ព្រឹក "
         "រហូតដល់ថ្ងៃទី 24 វិច្ឆិកា 2026 គិតទាំងថ្ងៃនោះ។", "injection", "ml",
         start="2026-11-20T06:00", time_rule=None, interval={"every_minutes": 480}, dose=10, until="2026-11-24"),
    said("Take 1 tablet every 45 minutes, from 20 November 2026 at 00:00 (night).",
         "លេប 1 គ្រាប់ រៀងរាល់ 45 នាទីម្តង ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ម៉ោង 00:00 យប់។",
         time_rule=None, interval={"every_minutes": 45}),
    said("Take 1 tablet every 36 hours, counted from 19 November 2026 at 08:00 (morning).",
         "លេប 1 គ្រាប់ រៀងរាល់ 36 ម៉ោងម្តង ដោយរាប់ចាប់ពីថ្ងៃទី 19 វិច្ឆិកា 2026 ម៉ោង 08:00 ព្រឹក។",
         time_rule=None, interval={"every_minutes": 2160, "anchor": "2026-11-19T08:00"}),
    said("Take 1 tablet as needed, at least 6 hours apart, no more than 4 doses in 24 hours, no more than 6 tablets in "
         "24 hours, no more than 5 doses on one day.",
         "លេប 1 គ្រាប់ តាមតម្រូវការ ដោយទុកចន្លោះពេលយ៉ាងតិច 6 ម៉ោង រវាងការប្រើម្តងៗ កុំប្រើលើសពី 4 លើក ក្នុងរយៈពេល 24 ម៉ោង "
         "កុំប្រើលើសពី 6 គ្រាប់ ក្នុងរយៈពេល 24 ម៉ោង កុំប្រើលើសពី 5 លើក ក្នុងមួយថ្ងៃ។", time_rule=None,
         as_needed={"min_interval_min": 360, "max_count_24h": 4, "max_amount_24h": 6, "max_count_calendar_day": 5}),
    said("Take 1 tablet as needed, no more than 1 dose in 24 hours.",
         "លេប 1 គ្រាប់ តាមតម្រូវការ កុំប្រើលើសពី 1 លើក ក្នុងរយៈពេល 24 ម៉ោង។",
         time_rule=None, as_needed={"min_interval_min": 0, "max_count_24h": 1}),
    said("Use as needed, every Monday.", "ប្រើតាមតម្រូវការ រៀងរាល់ថ្ងៃច័ន្ទ។", time_rule=None, dose=None, as_needed={},
         day_rule={"type": "weekdays", "days": ["mon"]}),
    said("Take 1 tablet at 08:00 (morning), then half a tablet 4 hours after the previous dose, then the same amount "
         "30 minutes after the previous dose, for 3 days.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រួច កន្លះគ្រាប់ ទៀត 4 ម៉ោង ក្រោយការប្រើលើកមុន "
         "រួចប្រើចំនួនដដែល 30 នាទី ក្រោយការប្រើលើកមុន រយៈពេល 3 ថ្ងៃ។", days=3,
         following=[{"type": "after_previous", "delay_min": 240, "dose": "0.5"},
                    {"type": "after_previous", "delay_min": 30}]),
)

DAYS = (
    said("Take 1 tablet every day at 08:00 (morning).", "លេប 1 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក។"),
    said("Take 1 tablet every day at 08:00 (morning).", "លេប 1 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក។",
         day_rule={"type": "every_days", "n": 1}),
    said("Take 1 tablet every 2 days at 08:00 (morning), from 20 November 2026.",
         "លេប 1 គ្រាប់ រៀងរាល់ 2 ថ្ងៃម្តង នៅម៉ោង 08:00 ព្រឹក ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026។",
         day_rule={"type": "every_days", "n": 2}),
    said("Take 1 tablet every 3 days at 08:00 (morning), counted from 18 November 2026.",
         "លេប 1 គ្រាប់ រៀងរាល់ 3 ថ្ងៃម្តង នៅម៉ោង 08:00 ព្រឹក ដោយរាប់ចាប់ពីថ្ងៃទី 18 វិច្ឆិកា 2026។",
         day_rule={"type": "every_days", "n": 3, "anchor": "2026-11-18"}),
    said("Take 1 tablet every Monday, Wednesday, and Friday at 08:00 (morning).",
         "លេប 1 គ្រាប់ រៀងរាល់ថ្ងៃច័ន្ទ, ថ្ងៃពុធ និង ថ្ងៃសុក្រ នៅម៉ោង 08:00 ព្រឹក។",
         day_rule={"type": "weekdays", "days": ["fri", "mon", "wed"]}),
    said("Take 1 tablet every 2 weeks on Tuesday and Sunday at 08:00 (morning), from 20 November 2026.",
         "លេប 1 គ្រាប់ រៀងរាល់ 2 សប្ដាហ៍ម្តង នៅថ្ងៃអង្គារ និង ថ្ងៃអាទិត្យ នៅម៉ោង 08:00 ព្រឹក "
         "ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026។", day_rule={"type": "weekdays", "days": ["tue", "sun"], "every_weeks": 2}),
    said("Take 2 tablets in the morning and 1 tablet in the evening, every Thursday and Saturday.",
         "លេប 2 គ្រាប់ ពេលព្រឹក និង 1 គ្រាប់ ពេលល្ងាច រៀងរាល់ថ្ងៃព្រហស្បតិ៍ និង ថ្ងៃសៅរ៍។",
         time_rule=slots(2, None, 1, None), day_rule={"type": "weekdays", "days": ["thu", "sat"]}),
    said("Take 1 tablet at 08:00 (morning), every month on the 1st, the 2nd, the 3rd, the 11th, and the 22nd.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃទី 1, ថ្ងៃទី 2, ថ្ងៃទី 3, ថ្ងៃទី 11 និង ថ្ងៃទី 22។",
         day_rule={"type": "monthly", "days": [1, 2, 3, 11, 22]}),
    said("Take 1 tablet at 08:00 (morning), every month on the 31st (in a month without that day, on its last day).",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃទី 31 (បើខែនោះគ្មានថ្ងៃនេះ ប្រើនៅថ្ងៃចុងខែ)។",
         day_rule={"type": "monthly", "days": [31], "missing": "clamp"}),
    said("Take 1 tablet at 08:00 (morning), every month on the 1st and the 30th (in a month without that day, on its "
         "last day).",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃទី 1 និង ថ្ងៃទី 30 (បើខែនោះគ្មានថ្ងៃនេះ ប្រើនៅថ្ងៃចុងខែ)។",
         day_rule={"type": "monthly", "days": [1, 30]}),
    said("Take 1 tablet at 08:00 (morning), every month on the 29th (not in a month without that day).",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃទី 29 (បើខែនោះគ្មានថ្ងៃនេះ មិនប្រើទេ)។",
         day_rule={"type": "monthly", "days": [29], "missing": "skip"}),
    said("Take 1 tablet at 08:00 (morning), every 3 months on the last day, from 20 November 2026.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ 3 ខែម្តង នៅថ្ងៃចុងខែ ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026។",
         day_rule={"type": "monthly", "days": [-1], "every_months": 3}),
    said("Take 1 tablet at 08:00 (morning), every month on the last Friday.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃសុក្រចុងក្រោយ។",
         day_rule={"type": "monthly_nth", "weekday": "fri", "nth": -1}),
    said("Take 1 tablet at 08:00 (morning), every 2 months on the 2nd Tuesday, from 20 November 2026.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ 2 ខែម្តង នៅថ្ងៃអង្គារទី 2 ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026។",
         day_rule={"type": "monthly_nth", "weekday": "tue", "nth": 2, "every_months": 2}),
    said("Take 1 tablet at 08:00 (morning), every month on the 2nd Tuesday from the end.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃអង្គារទី 2 រាប់ពីចុងខែ។",
         day_rule={"type": "monthly_nth", "weekday": "tue", "nth": -2}),
    said("Take 1 tablet at 08:00 (morning), every month on the 5th Monday from the end (not in a month without "
         "that day).",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃច័ន្ទទី 5 រាប់ពីចុងខែ (បើខែនោះគ្មានថ្ងៃនេះ មិនប្រើទេ)។",
         day_rule={"type": "monthly_nth", "weekday": "mon", "nth": -5}),
    said("Take 1 tablet at 08:00 (morning), every month on the 5th Monday (not in a month without that day).",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ខែ នៅថ្ងៃច័ន្ទទី 5 (បើខែនោះគ្មានថ្ងៃនេះ មិនប្រើទេ)។",
         day_rule={"type": "monthly_nth", "weekday": "mon", "nth": 5}),
    said("Take 1 tablet at 08:00 (morning), every year on 15 May.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ឆ្នាំ នៅថ្ងៃទី 15 ឧសភា។",
         day_rule={"type": "yearly", "month": 5, "day": 15, "missing": "skip"}),
    said("Take 1 tablet at 08:00 (morning), every year on 29 February (in a month without that day, on its last day).",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ឆ្នាំ នៅថ្ងៃទី 29 កុម្ភៈ (បើខែនោះគ្មានថ្ងៃនេះ ប្រើនៅថ្ងៃចុងខែ)។",
         day_rule={"type": "yearly", "month": 2, "day": 29, "missing": "clamp"}),
    said("Take 1 tablet at 08:00 (morning), every year on the last day of February.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រៀងរាល់ឆ្នាំ នៅថ្ងៃចុងខែកុម្ភៈ។",
         day_rule={"type": "yearly", "month": 2, "day": -1}),
    said("Take 1 tablet at 08:00 (morning), on 20 November 2026 and 1 December 2026.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក នៅថ្ងៃទី 20 វិច្ឆិកា 2026 និង ថ្ងៃទី 1 ធ្នូ 2026។",
         day_rule={"type": "dates", "dates": ["2026-12-01", "2026-11-20"]}),
    said("Take 1 tablet at 08:00 (morning), in cycles of 21 days on, 7 days off, from 20 November 2026.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក តាមវដ្ត ប្រើ 21 ថ្ងៃ ឈប់ 7 ថ្ងៃ ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026។",
         day_rule={"type": "cycle", "phases": [{"days": 21, "on": True}, {"days": 7, "on": False}]}),
)

COURSES = (
    said("Inject 1 ml at 15:00 (afternoon), from 20 November 2026, once only.",
         "ចាក់ 1 មីលីលីត្រ នៅម៉ោង 15:00 រសៀល ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 តែម្តងគត់។", "injection", "ml",
         time_rule={"type": "times", "times": ["15:00"]}, count=1),
    said("Take 1 tablet every day in the morning and in the evening, from 15 June 2025 at 14:20 (afternoon), "
         "14 tablets in all.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ ពេលព្រឹក និង ពេលល្ងាច ចាប់ពីថ្ងៃទី 15 មិថុនា 2025 ម៉ោង 14:20 រសៀល សរុប 14 គ្រាប់។",
         start="2025-06-15T14:20", time_rule=slots(1, None, 1, None), quantity=14),
    said("Take 1 tablet every day at 08:00 (morning), ending before 30 November 2026 at 12:00 (noon), 10 doses in all.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក ត្រឹមមុនថ្ងៃទី 30 វិច្ឆិកា 2026 ម៉ោង 12:00 ថ្ងៃត្រង់ សរុប 10 លើក។",
         count=10, end="2026-11-30T12:00"),
    said("Take 1 tablet every day at 08:00 (morning), up to and including 29 November 2026.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក រហូតដល់ថ្ងៃទី 29 វិច្ឆិកា 2026 គិតទាំងថ្ងៃនោះ។", until="2026-11-29"),
    said("Use 40 mg every day at 08:00 (morning), from 20 November 2026, with 5 mg less every 3 days, down to 5 mg.",
         "ប្រើ 40 មីលីក្រាម រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 "
         "ដោយបន្ថយ 5 មីលីក្រាម រៀងរាល់ 3 ថ្ងៃម្តង រហូតដល់ 5 មីលីក្រាម។", unit="mg",
         dose={"start": 40, "step": -5, "every_days": 3, "limit": 5}),
    said("Take 2 tablets every day at 08:00 (morning), from 20 November 2026, with half a tablet less every day, down "
         "to none.",
         "លេប 2 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ដោយបន្ថយ កន្លះគ្រាប់ រាល់ថ្ងៃ "
         "រហូតដល់ឈប់ប្រើ។", dose={"start": 2, "step": "-0.5", "every_days": 1, "limit": 0}),
    said("Take 1 tablet at 08:00 (morning), from 20 November 2026, with 1 tablet more every 7 days, up to 4 tablets, "
         "for 60 days.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ដោយបន្ថែម 1 គ្រាប់ រៀងរាល់ 7 ថ្ងៃម្តង "
         "រហូតដល់ 4 គ្រាប់ រយៈពេល 60 ថ្ងៃ។", dose={"start": 1, "step": 1, "every_days": 7, "limit": 4}, days=60),
    said("Drink 5 ml at 08:00 (morning), from 20 November 2026, with 1 ml more every 2 days, for 9 days.",
         "ផឹក 5 មីលីលីត្រ នៅម៉ោង 08:00 ព្រឹក ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ដោយបន្ថែម 1 មីលីលីត្រ រៀងរាល់ 2 ថ្ងៃម្តង "
         "រយៈពេល 9 ថ្ងៃ។", unit="ml", dose={"start": 5, "step": 1, "every_days": 2}, days=9),
)

_EIGHT = {"time_rule": {"type": "times", "times": ["08:00"]}}
_TWELVE_HOURS = {"start": "2026-11-20T06:00", "interval": {"every_minutes": 720}, "dose": 1}

PLANS = (
    Case({"segments": [{**_EIGHT, "start": "2026-11-20", "dose": 40, "days": 3},
                       {**_EIGHT, "start": "2026-11-23", "dose": 30, "days": 2},
                       {**_EIGHT, "start": "2026-11-26", "dose": 20, "until": "2026-11-27"}]},
         "Use 40 mg at 08:00 (morning), for 3 days; then use 30 mg at 08:00 (morning), for 2 days; then use 20 mg "
         "every day at 08:00 (morning), from 26 November 2026, up to and including 27 November 2026.",
         "ប្រើ 40 មីលីក្រាម នៅម៉ោង 08:00 ព្រឹក រយៈពេល 3 ថ្ងៃ បន្ទាប់មក ប្រើ 30 មីលីក្រាម នៅម៉ោង 08:00 ព្រឹក រយៈពេល 2 ថ្ងៃ "
         "បន្ទាប់មក ប្រើ 20 មីលីក្រាម រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក ចាប់ពីថ្ងៃទី 26 វិច្ឆិកា 2026 "
         "រហូតដល់ថ្ងៃទី 27 វិច្ឆិកា 2026 គិតទាំងថ្ងៃនោះ។", unit="mg"),
    Case({"segments": [{**_EIGHT, "start": "2026-11-20", "dose": 1, "days": 9, "count": 4},
                       {**_EIGHT, "start": "2026-11-29", "dose": 2}]},
         "Take 1 tablet at 08:00 (morning), for 9 days, 4 doses in all; then take 2 tablets every day at 08:00 "
         "(morning), from 29 November 2026.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រយៈពេល 9 ថ្ងៃ សរុប 4 លើក បន្ទាប់មក លេប 2 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក "
         "ចាប់ពីថ្ងៃទី 29 វិច្ឆិកា 2026។"),
    Case({"segments": [{**_EIGHT, "start": "2026-11-20", "dose": 1},
                       {"start": "2026-11-20", "time_rule": slots(night=2)}]},
         "Take 1 tablet every day at 08:00 (morning); also take 2 tablets every day at night.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក ព្រមទាំង លេប 2 គ្រាប់ រាល់ថ្ងៃ ពេលយប់។"),
    Case({"segments": [{**_EIGHT, "start": "2026-11-20", "dose": 1, "days": 10}],
          "pauses": [{"from": "2026-11-22T00:00", "to": "2026-11-24T00:00"},
                     {"from": "2026-11-26T00:00", "to": "2026-11-27T00:00"}]},
         "Take 1 tablet at 08:00 (morning), for 10 days; no doses from 22 November 2026 up to and including 23 "
         "November 2026 and no doses on 26 November 2026.",
         "លេប 1 គ្រាប់ នៅម៉ោង 08:00 ព្រឹក រយៈពេល 10 ថ្ងៃ ដោយផ្អាកប្រើចាប់ពីថ្ងៃទី 22 វិច្ឆិកា 2026 "
         "រហូតដល់ថ្ងៃទី 23 វិច្ឆិកា 2026 គិតទាំងថ្ងៃនោះ និង ផ្អាកប្រើនៅថ្ងៃទី 26 វិច្ឆិកា 2026។"),
    Case({"segments": [_TWELVE_HOURS],
          "pauses": [{"from": "2026-11-20T12:00", "to": "2026-11-21T09:00", "mode": "reanchor"}]},
         "Take 1 tablet every 12 hours, from 20 November 2026 at 06:00 (morning); no doses from 20 November 2026 at "
         "12:00 (noon) until 21 November 2026 at 09:00 (morning), then counted anew.",
         "លេប 1 គ្រាប់ រៀងរាល់ 12 ម៉ោងម្តង ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ម៉ោង 06:00 ព្រឹក "
         "ដោយផ្អាកប្រើចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ម៉ោង 12:00 ថ្ងៃត្រង់ "
         "រហូតដល់ថ្ងៃទី 21 វិច្ឆិកា 2026 ម៉ោង 09:00 ព្រឹក រួចរាប់ជាថ្មី។"),
    Case({"segments": [{**_EIGHT, "start": "2026-11-20", "dose": 1}], "tz_policy": "home"},
         "Take 1 tablet every day at 08:00 (morning), by the clock at home.",
         "លេប 1 គ្រាប់ រាល់ថ្ងៃ នៅម៉ោង 08:00 ព្រឹក តាមម៉ោងនៅផ្ទះ។"),
    Case({"segments": [_TWELVE_HOURS], "tz_policy": "home"},
         "Take 1 tablet every 12 hours, from 20 November 2026 at 06:00 (morning).",
         "លេប 1 គ្រាប់ រៀងរាល់ 12 ម៉ោងម្តង ចាប់ពីថ្ងៃទី 20 វិច្ឆិកា 2026 ម៉ោង 06:00 ព្រឹក។"),
)
