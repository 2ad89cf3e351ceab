//! Courses and their students: the object graph whose children are read one by one or all at once (`db.loading`).
//!
//! For n students, one by one takes 1 + n + n statements and all at once takes 3, with the same result.

use std::collections::HashMap;

use serde::Serialize;

use super::{Page, PageOf, Store, StoreError};
use crate::clock::rfc3339;
use crate::db::{Lease, Statement, from_row, values};
use crate::settings::Loading;

/// A course in a list.
#[derive(Debug, Serialize)]
pub(crate) struct Course {
    id: i64,
    title: String,
    author: String,
    students: i64,
    certificates: i64,
    #[serde(serialize_with = "rfc3339")]
    created_at: i64,
}

from_row!(Course {
    id,
    title,
    author,
    students,
    certificates,
    created_at
});

/// A student of a course.
#[derive(Debug, Serialize)]
pub(crate) struct Participant {
    #[serde(flatten)]
    student: Student,
    progress: i64,
    #[serde(serialize_with = "rfc3339")]
    enrolled_at: i64,
    certificate: Option<Certificate>,
}

#[derive(Debug, Serialize)]
struct Student {
    id: i64,
    name: String,
    email: String,
}

from_row!(Student { id, name, email });

#[derive(Debug, Serialize)]
struct Certificate {
    #[serde(skip)]
    student_id: i64,
    grade: String,
    #[serde(serialize_with = "rfc3339")]
    issued_at: i64,
}

from_row!(Certificate {
    student_id,
    grade,
    issued_at
});

/// A course and, unless the page is empty, one of its enrolments.
struct EnrolmentRow {
    total: i64,
    student_id: Option<i64>,
    progress: Option<i64>,
    enrolled_at: Option<i64>,
}

from_row!(EnrolmentRow {
    total,
    student_id,
    progress,
    enrolled_at
});

struct Enrolment {
    student_id: i64,
    progress: i64,
    enrolled_at: i64,
}

impl Store {
    pub(crate) async fn courses(&self, part: PageOf) -> Result<Page<Course>, StoreError> {
        const PAGE: Statement = Statement::same(
            "courses_page",
            "SELECT c.id, c.title, c.author, c.created_at, \
             (SELECT count(*) FROM enrolments AS e WHERE e.course_id = c.id) AS students, \
             (SELECT count(*) FROM certificates AS k WHERE k.course_id = c.id) AS certificates \
             FROM courses AS c ORDER BY c.id LIMIT $1 OFFSET $2",
        );
        const TOTAL: Statement = Statement::same("courses_total", "SELECT count(*) FROM courses");
        let mut lease = self.database.read().await?;
        let items = lease
            .fetch_all(&PAGE, values![part.limit, part.offset()])
            .await?;
        let (total,): (i64,) = lease.fetch_one(&TOTAL, &[]).await?;
        Ok(part.with(items, total))
    }

    /// The students of a course with their certificates from it, ordered by id.
    pub(crate) async fn students(
        &self,
        course_id: i64,
        part: PageOf,
        loading: Loading,
    ) -> Result<Page<Participant>, StoreError> {
        let mut lease = self.database.read().await?;
        let (enrolments, total) = enrolments(&mut lease, course_id, part).await?;
        let items = match loading {
            Loading::Lazy => one_by_one(&mut lease, course_id, enrolments).await?,
            Loading::Eager => all_at_once(&mut lease, course_id, enrolments).await?,
        };
        Ok(part.with(items, total))
    }
}

/// A page of enrolments and their total, in one statement that also distinguishes an empty page from a missing course.
async fn enrolments(
    lease: &mut Lease,
    course_id: i64,
    part: PageOf,
) -> Result<(Vec<Enrolment>, i64), StoreError> {
    const STATEMENT: Statement = Statement::same(
        "enrolments",
        "SELECT (SELECT count(*) FROM enrolments WHERE course_id = $1) AS total, \
         e.student_id, e.progress, e.enrolled_at FROM courses AS c LEFT JOIN \
         (SELECT course_id, student_id, progress, enrolled_at FROM enrolments WHERE course_id = $1 \
         ORDER BY student_id LIMIT $2 OFFSET $3) AS e ON e.course_id = c.id \
         WHERE c.id = $1 ORDER BY e.student_id",
    );
    let values = values![course_id, part.limit, part.offset()];
    let rows: Vec<EnrolmentRow> = lease.fetch_all(&STATEMENT, values).await?;
    let total = rows.first().ok_or(StoreError::Missing("course"))?.total;
    let enrolments = rows.into_iter().filter_map(|row| {
        Some(Enrolment {
            student_id: row.student_id?,
            progress: row.progress?,
            enrolled_at: row.enrolled_at?,
        })
    });
    Ok((enrolments.collect(), total))
}

async fn one_by_one(
    lease: &mut Lease,
    course_id: i64,
    enrolments: Vec<Enrolment>,
) -> Result<Vec<Participant>, StoreError> {
    const STUDENT: Statement = Statement::same(
        "student",
        "SELECT id, name, email FROM students WHERE id = $1",
    );
    const CERTIFICATE: Statement = Statement::same(
        "certificate",
        "SELECT student_id, grade, issued_at FROM certificates WHERE course_id = $1 AND student_id = $2",
    );
    let mut participants = Vec::with_capacity(enrolments.len());
    for enrolment in enrolments {
        let student = lease
            .fetch_one(&STUDENT, values![enrolment.student_id])
            .await?;
        let certificate = lease
            .fetch_optional(&CERTIFICATE, values![course_id, enrolment.student_id])
            .await?;
        participants.push(enrolment.with(student, certificate));
    }
    Ok(participants)
}

async fn all_at_once(
    lease: &mut Lease,
    course_id: i64,
    enrolments: Vec<Enrolment>,
) -> Result<Vec<Participant>, StoreError> {
    const STUDENTS: Statement = Statement::each(
        "students",
        "SELECT id, name, email FROM students WHERE id IN (SELECT value FROM json_each($1))",
        "SELECT id, name, email FROM students WHERE id = ANY($1)",
    );
    const CERTIFICATES: Statement = Statement::each(
        "certificates",
        "SELECT student_id, grade, issued_at FROM certificates \
         WHERE course_id = $1 AND student_id IN (SELECT value FROM json_each($2))",
        "SELECT student_id, grade, issued_at FROM certificates WHERE course_id = $1 AND student_id = ANY($2)",
    );
    let ids: Vec<i64> = enrolments.iter().map(|one| one.student_id).collect();
    let students: Vec<Student> = lease.fetch_all(&STUDENTS, values![ids.clone()]).await?;
    let certificates: Vec<Certificate> = lease
        .fetch_all(&CERTIFICATES, values![course_id, ids])
        .await?;
    let mut certificates: HashMap<i64, Certificate> = certificates
        .into_iter()
        .map(|certificate| (certificate.student_id, certificate))
        .collect();
    let mut students: HashMap<i64, Student> = students
        .into_iter()
        .map(|student| (student.id, student))
        .collect();
    let participants = enrolments.into_iter().filter_map(|enrolment| {
        let id = enrolment.student_id;
        // A foreign key guarantees the student.
        let student = students.remove(&id)?;
        Some(enrolment.with(student, certificates.remove(&id)))
    });
    Ok(participants.collect())
}

impl Enrolment {
    fn with(self, student: Student, certificate: Option<Certificate>) -> Participant {
        Participant {
            student,
            progress: self.progress,
            enrolled_at: self.enrolled_at,
            certificate,
        }
    }
}
