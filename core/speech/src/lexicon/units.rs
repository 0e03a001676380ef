//! Units of measure behind a number.

use crate::reading::Reading;

/// A unit with its names.
#[derive(Debug)]
pub(crate) struct Unit {
    sign: &'static str,
    vi: &'static str,
    one: &'static str,
    many: &'static str,
}

impl Unit {
    pub(crate) const fn name(&self, is_one: bool, reading: Reading) -> &'static str {
        reading.pick(self.vi, if is_one { self.one } else { self.many })
    }
}

const fn measure(sign: &'static str, vi: &'static str, one: &'static str, many: &'static str) -> Unit {
    Unit { sign, vi, one, many }
}

static UNITS: [Unit; 62] = [
    measure("km/h", "ki lô mét trên giờ", "kilometer per hour", "kilometers per hour"),
    measure("m/s", "mét trên giây", "meter per second", "meters per second"),
    measure("km²", "ki lô mét vuông", "square kilometer", "square kilometers"),
    measure("km2", "ki lô mét vuông", "square kilometer", "square kilometers"),
    measure("m²", "mét vuông", "square meter", "square meters"),
    measure("m2", "mét vuông", "square meter", "square meters"),
    measure("m³", "mét khối", "cubic meter", "cubic meters"),
    measure("m3", "mét khối", "cubic meter", "cubic meters"),
    measure("cm²", "xen ti mét vuông", "square centimeter", "square centimeters"),
    measure("cm2", "xen ti mét vuông", "square centimeter", "square centimeters"),
    measure("cm³", "xen ti mét khối", "cubic centimeter", "cubic centimeters"),
    measure("cm3", "xen ti mét khối", "cubic centimeter", "cubic centimeters"),
    measure("km", "ki lô mét", "kilometer", "kilometers"),
    measure("m", "mét", "meter", "meters"),
    measure("dm", "đề xi mét", "decimeter", "decimeters"),
    measure("cm", "xen ti mét", "centimeter", "centimeters"),
    measure("mm", "mi li mét", "millimeter", "millimeters"),
    measure("inch", "inh", "inch", "inches"),
    measure("ft", "phút Anh", "foot", "feet"),
    measure("mph", "dặm trên giờ", "mile per hour", "miles per hour"),
    measure("kg", "ki lô gam", "kilogram", "kilograms"),
    measure("Kg", "ki lô gam", "kilogram", "kilograms"),
    measure("KG", "ki lô gam", "kilogram", "kilograms"),
    measure("g", "gam", "gram", "grams"),
    measure("mg", "mi li gam", "milligram", "milligrams"),
    measure("lb", "pao", "pound", "pounds"),
    measure("lbs", "pao", "pound", "pounds"),
    measure("l", "lít", "liter", "liters"),
    measure("L", "lít", "liter", "liters"),
    measure("ml", "mi li lít", "milliliter", "milliliters"),
    measure("mL", "mi li lít", "milliliter", "milliliters"),
    measure("ha", "héc ta", "hectare", "hectares"),
    measure("°C", "độ xê", "degree Celsius", "degrees Celsius"),
    measure("°F", "độ ép", "degree Fahrenheit", "degrees Fahrenheit"),
    measure("°", "độ", "degree", "degrees"),
    measure("W", "oát", "watt", "watts"),
    measure("kW", "ki lô oát", "kilowatt", "kilowatts"),
    measure("KW", "ki lô oát", "kilowatt", "kilowatts"),
    measure("MW", "mê ga oát", "megawatt", "megawatts"),
    measure("kWh", "ki lô oát giờ", "kilowatt hour", "kilowatt hours"),
    measure("KWh", "ki lô oát giờ", "kilowatt hour", "kilowatt hours"),
    measure("V", "vôn", "volt", "volts"),
    measure("mAh", "mi li am pe giờ", "milliamp hour", "milliamp hours"),
    measure("Hz", "héc", "hertz", "hertz"),
    measure("kHz", "ki lô héc", "kilohertz", "kilohertz"),
    measure("MHz", "mê ga héc", "megahertz", "megahertz"),
    measure("GHz", "gi ga héc", "gigahertz", "gigahertz"),
    measure("KB", "ki lô bai", "kilobyte", "kilobytes"),
    measure("MB", "mê ga bai", "megabyte", "megabytes"),
    measure("GB", "gi ga bai", "gigabyte", "gigabytes"),
    measure("TB", "tê ra bai", "terabyte", "terabytes"),
    measure("Kbps", "ki lô bít trên giây", "kilobit per second", "kilobits per second"),
    measure("Mbps", "mê ga bít trên giây", "megabit per second", "megabits per second"),
    measure("Gbps", "gi ga bít trên giây", "gigabit per second", "gigabits per second"),
    measure("dB", "đề xi ben", "decibel", "decibels"),
    measure("px", "pích xeo", "pixel", "pixels"),
    measure("h", "giờ", "hour", "hours"),
    measure("hrs", "giờ", "hour", "hours"),
    measure("ms", "mi li giây", "millisecond", "milliseconds"),
    measure("min", "phút", "minute", "minutes"),
    measure("x", "lần", "times", "times"),
    measure("kcal", "ki lô ca lo", "kilocalorie", "kilocalories"),
];

/// Returns the unit of a sign; `m` and `M` are not the same.
pub(crate) fn unit(sign: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.sign == sign)
}
