//! Places on Earth, as the value of a geo search says them.

/// A place in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// -90 to 90.
    pub latitude: f64,
    /// -180 to 180.
    pub longitude: f64,
}

/// A part of the Earth's surface.
#[derive(Clone, Debug, PartialEq)]
pub enum Area {
    /// All that is at most so far away, along the surface.
    Circle {
        /// From here.
        centre: Point,
        /// How far.
        radius_km: f64,
    },
    /// Between two latitudes and two longitudes. It does not cross the 180th meridian.
    Box {
        /// The corner with the smaller coordinates.
        south_west: Point,
        /// The corner with the larger coordinates.
        north_east: Point,
    },
    /// Within four corners, in the order around it, straight lines of latitude and longitude between them.
    Quadrangle([Point; 4]),
}

/// The mean radius of the Earth.
const EARTH_KM: f64 = 6371.0088;
/// Half the way around it: everything is nearer.
const LARGEST_RADIUS_KM: f64 = 20_040.0;

impl Area {
    /// `lat,lon 5km`, `lat,lon|lat,lon` or four points. The error says what is wrong, without a full stop.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let points: Vec<&str> = text.split('|').collect();
        match points[..] {
            [circle] => {
                let (centre, radius) = circle
                    .trim()
                    .split_once(char::is_whitespace)
                    .ok_or("write a place and a distance, like \"40,100 5km\"")?;
                Ok(Self::Circle {
                    centre: point(centre)?,
                    radius_km: radius_km(radius)?,
                })
            }
            [one, other] => {
                let (one, other) = (point(one)?, point(other)?);
                Ok(Self::Box {
                    south_west: Point {
                        latitude: one.latitude.min(other.latitude),
                        longitude: one.longitude.min(other.longitude),
                    },
                    north_east: Point {
                        latitude: one.latitude.max(other.latitude),
                        longitude: one.longitude.max(other.longitude),
                    },
                })
            }
            [a, b, c, d] => quadrangle([point(a)?, point(b)?, point(c)?, point(d)?]),
            _ => Err("write a place and a distance, two corners of a box, or four corners"),
        }
    }

    /// The smallest boxes (south-west, north-east) that hold the area; none overlaps another.
    pub fn bounds(&self) -> Vec<(Point, Point)> {
        match self {
            Self::Box { south_west, north_east } => vec![(*south_west, *north_east)],
            Self::Quadrangle(corners) => {
                let latitudes = corners.map(|corner| corner.latitude);
                let longitudes = corners.map(|corner| corner.longitude);
                let least = |numbers: [f64; 4]| numbers.into_iter().fold(f64::INFINITY, f64::min);
                let most = |numbers: [f64; 4]| numbers.into_iter().fold(f64::NEG_INFINITY, f64::max);
                vec![(
                    Point {
                        latitude: least(latitudes),
                        longitude: least(longitudes),
                    },
                    Point {
                        latitude: most(latitudes),
                        longitude: most(longitudes),
                    },
                )]
            }
            Self::Circle { centre, radius_km } => circle_bounds(*centre, *radius_km),
        }
    }
}

/// The place as a point on the unit sphere: distances between those need no trigonometry, which not every database has.
pub(crate) fn on_sphere(point: Point) -> [f64; 3] {
    let (latitude, longitude) = (point.latitude.to_radians(), point.longitude.to_radians());
    [
        latitude.cos() * longitude.cos(),
        latitude.cos() * longitude.sin(),
        latitude.sin(),
    ]
}

/// The square of the straight line, through the unit sphere, between two points so far apart on its surface.
pub(crate) fn chord_squared(distance_km: f64) -> f64 {
    let half_angle = (distance_km / EARTH_KM / 2.0).min(std::f64::consts::FRAC_PI_2);
    (2.0 * half_angle.sin()).powi(2)
}

fn circle_bounds(centre: Point, radius_km: f64) -> Vec<(Point, Point)> {
    // A little wider, so that rounding leaves nothing out; the exact distance is compared afterwards.
    let angle = radius_km / EARTH_KM * (1.0 + 1e-9) + 1e-12;
    let degrees = angle.to_degrees();
    let (south, north) = (centre.latitude - degrees, centre.latitude + degrees);
    let latitudes = (south.max(-90.0), north.min(90.0));
    let band = |west: f64, east: f64| {
        (
            Point {
                latitude: latitudes.0,
                longitude: west,
            },
            Point {
                latitude: latitudes.1,
                longitude: east,
            },
        )
    };
    let ratio = angle.sin() / centre.latitude.to_radians().cos();
    // With a pole inside, all meridians are.
    if south <= -90.0 || north >= 90.0 || !(0.0..1.0).contains(&ratio) {
        return vec![band(-180.0, 180.0)];
    }
    let half = ratio.asin().to_degrees() + 1e-9;
    let (west, east) = (centre.longitude - half, centre.longitude + half);
    if half >= 180.0 {
        vec![band(-180.0, 180.0)]
    } else if west < -180.0 {
        vec![band(-180.0, east), band(west + 360.0, 180.0)]
    } else if east > 180.0 {
        vec![band(west, 180.0), band(-180.0, east - 360.0)]
    } else {
        vec![band(west, east)]
    }
}

fn point(text: &str) -> Result<Point, &'static str> {
    const FORM: &str = "write a place as latitude,longitude";
    let (latitude, longitude) = text.split_once(',').ok_or(FORM)?;
    let number = |text: &str| super::size::plain_number(text.trim()).ok_or(FORM);
    let point = Point {
        latitude: number(latitude)?,
        longitude: number(longitude)?,
    };
    if point.latitude.abs() > 90.0 {
        return Err("a latitude lies between -90 and 90");
    }
    if point.longitude.abs() > 180.0 {
        return Err("a longitude lies between -180 and 180");
    }
    Ok(point)
}

fn radius_km(text: &str) -> Result<f64, &'static str> {
    let text = text.trim().to_ascii_lowercase();
    let number = text.strip_suffix("km").ok_or("write the distance in km, like 5km")?;
    super::size::plain_number(number.trim_end())
        .filter(|&radius| radius >= 0.0)
        .map(|radius| radius.min(LARGEST_RADIUS_KM))
        .ok_or("write the distance in km, like 5km")
}

/// The corners in the order around their middle, whatever the order they were given in.
fn quadrangle(mut corners: [Point; 4]) -> Result<Area, &'static str> {
    let middle = |of: fn(&Point) -> f64| corners.iter().map(of).sum::<f64>() / 4.0;
    let (latitude, longitude) = (middle(|p| p.latitude), middle(|p| p.longitude));
    corners.sort_by(|a, b| {
        let angle = |p: &Point| (p.latitude - latitude).atan2(p.longitude - longitude);
        angle(a).total_cmp(&angle(b))
    });
    // Counter-clockwise by now: each corner must turn left, or three of them are in a line or one is inside the others.
    let turns_left = (0..4).all(|at| {
        let [a, b, c] = [0, 1, 2].map(|step| corners[(at + step) % 4]);
        side(a, b, c) > 0.0
    });
    if !turns_left {
        return Err("four points must be the corners of a rectangle");
    }
    Ok(Area::Quadrangle(corners))
}

/// Above zero if `c` lies to the left of the way from `a` to `b`.
fn side(a: Point, b: Point, c: Point) -> f64 {
    (b.longitude - a.longitude) * (c.latitude - a.latitude) - (b.latitude - a.latitude) * (c.longitude - a.longitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Point {
        Point { latitude, longitude }
    }

    #[test]
    fn areas_are_read() {
        assert_eq!(
            Area::parse(" 40,100 5km "),
            Ok(Area::Circle {
                centre: at(40.0, 100.0),
                radius_km: 5.0
            })
        );
        assert_eq!(
            Area::parse("-40.5, 100 0.5 KM"),
            Err("write a place as latitude,longitude"),
            "a space inside a place would make two values of it"
        );
        assert_eq!(
            Area::parse("50,105|40,100"),
            Ok(Area::Box {
                south_west: at(40.0, 100.0),
                north_east: at(50.0, 105.0)
            })
        );
        let square = Area::parse("0,0|0,100|40,100|40,0").expect("an area");
        assert_eq!(square.bounds(), [(at(0.0, 0.0), at(40.0, 100.0))]);
        // Row by row describes the same rectangle as around it.
        assert_eq!(Area::parse("0,0|0,100|40,0|40,100"), Ok(square));
    }

    #[test]
    fn what_is_no_area() {
        for (text, error) in [
            ("", "write a place and a distance, like \"40,100 5km\""),
            ("40,100", "write a place and a distance, like \"40,100 5km\""),
            ("40,100 5", "write the distance in km, like 5km"),
            ("40,100 5mi", "write the distance in km, like 5km"),
            ("40,100 -5km", "write the distance in km, like 5km"),
            ("40 100 5km", "write a place as latitude,longitude"),
            ("91,0 5km", "a latitude lies between -90 and 90"),
            ("0,181|0,0", "a longitude lies between -180 and 180"),
            ("a,b|c,d", "write a place as latitude,longitude"),
            (
                "0,0|1,1|2,2",
                "write a place and a distance, two corners of a box, or four corners",
            ),
            ("0,0|0,1|0,2|0,3", "four points must be the corners of a rectangle"),
            ("0,0|0,4|4,0|1,1", "four points must be the corners of a rectangle"),
            ("0,0|0,0|0,0|0,0", "four points must be the corners of a rectangle"),
        ] {
            assert_eq!(Area::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_circle_lies_within_its_bounds() {
        for (centre, radius_km) in [
            (at(0.0, 0.0), 100.0),
            (at(60.0, 179.9), 50.0),
            (at(-60.0, -179.9), 50.0),
            (at(89.9, 10.0), 100.0),
            (at(-89.9, 10.0), 100.0),
            (at(10.0, 20.0), 15_000.0),
            (at(45.0, 45.0), 0.0),
        ] {
            let bounds = Area::Circle { centre, radius_km }.bounds();
            let origin = on_sphere(centre);
            for step in 0..360 {
                // Where one is after that distance into that direction.
                let (bearing, angle) = (f64::from(step).to_radians(), radius_km / EARTH_KM);
                let (lat, lon) = (centre.latitude.to_radians(), centre.longitude.to_radians());
                let there = (lat.sin() * angle.cos() + lat.cos() * angle.sin() * bearing.cos()).asin();
                let turned = (bearing.sin() * angle.sin() * lat.cos()).atan2(angle.cos() - lat.sin() * there.sin());
                let longitude = ((lon + turned).to_degrees() + 540.0).rem_euclid(360.0) - 180.0;
                let edge = at(there.to_degrees(), longitude);
                assert!(
                    bounds.iter().any(|(low, high)| {
                        (low.latitude - 1e-6..=high.latitude + 1e-6).contains(&edge.latitude)
                            && (low.longitude - 1e-6..=high.longitude + 1e-6).contains(&edge.longitude)
                    }),
                    "{edge:?} is outside of {bounds:?}"
                );
                let chord: f64 = on_sphere(edge).iter().zip(origin).map(|(a, b)| (a - b).powi(2)).sum();
                assert!(
                    (chord - chord_squared(radius_km)).abs() < 1e-12,
                    "{centre:?} {radius_km}"
                );
            }
        }
        let all = Area::parse("0,0 999999km").expect("an area").bounds();
        assert_eq!(all, [(at(-90.0, -180.0), at(90.0, 180.0))]);
    }
}
